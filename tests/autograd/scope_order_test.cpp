// Tests of Tape, NoGrad, FiniteCheck and DTypeScope objects that are not destroyed in reverse order of construction.
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "autograd/finite_check.h"
#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

Tensor leaf(double value) {
  Tensor x = Tensor::scalar(value);
  x.set_requires_grad(true);
  return x;
}

// The new tape is made before the old one is destroyed.
TEST(ScopeOrder, TapeReplacedStepAfterStep) {
  Tensor w = leaf(3);
  std::unique_ptr<Tape> tape;
  for (int step = 0; step < 100; ++step) {
    tape = std::make_unique<Tape>();
    ASSERT_EQ(Tape::current(), tape.get());
    tape->backward(mul(w, w));
    ASSERT_EQ(w.grad().item(), 6);
    w.zero_grad();
  }
  tape.reset();
  EXPECT_EQ(Tape::current(), nullptr);
  EXPECT_FALSE(mul(w, w).requires_grad());
}

TEST(ScopeOrder, OuterTapeDestroyedFirst) {
  Tensor w = leaf(3);
  auto outer = std::make_unique<Tape>();
  const Tensor constant = mul(w, w);
  auto inner = std::make_unique<Tape>();
  const Tensor y = mul(w, constant);
  outer.reset();
  EXPECT_EQ(Tape::current(), inner.get());
  inner->backward(y);
  EXPECT_EQ(w.grad().item(), 9);
  inner.reset();
  EXPECT_EQ(Tape::current(), nullptr);
}

TEST(ScopeOrder, TheInnermostOfTapeAndNoGradDecides) {
  auto tape = std::make_unique<Tape>();
  auto paused = std::make_unique<NoGrad>();
  EXPECT_EQ(Tape::current(), nullptr);
  const Tape inner;
  EXPECT_EQ(Tape::current(), &inner);
  auto again = std::make_unique<NoGrad>();
  paused.reset();
  EXPECT_EQ(Tape::current(), nullptr);
  tape.reset();
  EXPECT_EQ(Tape::current(), nullptr);
  again.reset();
  EXPECT_EQ(Tape::current(), &inner);
}

TEST(ScopeOrder, ATapeMayBeDestroyedUnderNoGrad) {
  auto tape = std::make_unique<Tape>();
  {
    const NoGrad paused;
    tape.reset();
    EXPECT_EQ(Tape::current(), nullptr);
  }
  EXPECT_EQ(Tape::current(), nullptr) << "the destroyed tape must not be current again";
}

TEST(ScopeOrder, TapeThatOutlivesItsThread) {
  Tensor w = leaf(3), y;
  std::unique_ptr<Tape> tape;
  std::thread([&] {
    tape = std::make_unique<Tape>();
    y = mul(w, w);
  }).join();
  EXPECT_EQ(Tape::current(), nullptr);
  expect_error([&] { tape->backward(y); }, {"backward: ", "thread that recorded this tape has ended"});
  const Tape here;
  tape.reset();
  EXPECT_EQ(Tape::current(), &here);
}

TEST(ScopeOrder, DTypes) {
  auto doubles = std::make_unique<DTypeScope>(DType::kFloat64);
  auto floats = std::make_unique<DTypeScope>(DType::kFloat32);
  doubles.reset();
  EXPECT_EQ(default_dtype(), DType::kFloat32);
  doubles = std::make_unique<DTypeScope>(DType::kFloat64);
  floats.reset();
  EXPECT_EQ(default_dtype(), DType::kFloat64);
  doubles.reset();
  EXPECT_EQ(default_dtype(), DType::kFloat32);
}

TEST(ScopeOrder, FiniteChecks) {
  auto outer = std::make_unique<FiniteCheck>();
  auto inner = std::make_unique<FiniteCheck>();
  outer.reset();
  EXPECT_EQ(FiniteCheck::active(), inner.get());
  inner.reset();
  EXPECT_EQ(FiniteCheck::active(), nullptr);
}

}  // namespace
}  // namespace headlight
