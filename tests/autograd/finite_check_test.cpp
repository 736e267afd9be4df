// Tests of FiniteCheck: it names the first operation, layer and pass that produce a NaN or an infinity.
#include "autograd/finite_check.h"

#include <gtest/gtest.h>

#include <limits>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"

namespace headlight {
namespace {

Tensor leaf(std::initializer_list<double> values) {
  Tensor x = Tensor::of({static_cast<Index>(values.size())}, values);
  x.set_requires_grad(true);
  return x;
}

TEST(FiniteCheck, NamesTheFirstOperationAndItsLayer) {
  const Tensor x = leaf({1, -1});
  const FiniteCheck check;
  Tape tape;
  const Tensor fine = exp(x);
  EXPECT_EQ(check.first(), "");
  const LayerScope layer("up");
  const Tensor bad = log(x);  // log(-1) is NaN
  sum(mul(bad, fine));
  EXPECT_EQ(check.first(), "up: log (forward)");
}

TEST(FiniteCheck, SeesGradients) {
  const Tensor x = leaf({0, 4});
  const FiniteCheck check;
  Tape tape;
  const Tensor y = sum(sqrt(x));  // the value is finite, but its derivative at 0 is not
  EXPECT_EQ(check.first(), "");
  tape.backward(y);
  EXPECT_EQ(check.first(), "sqrt (backward)");
}

TEST(FiniteCheck, OnlyWhileItLives) {
  { const FiniteCheck check; }
  EXPECT_EQ(FiniteCheck::active(), nullptr);
}

}  // namespace
}  // namespace headlight
