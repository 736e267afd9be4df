// Tests of set_requires_grad() on leaves and on results.
#include <gtest/gtest.h>

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

TEST(RequiresGrad, TwiceKeepsCollecting) {
  Tensor a = leaf(3);
  const Tensor copy = a;
  for (int pass = 1; pass <= 2; ++pass) {
    Tape tape;
    const Tensor y = mul(copy, copy);
    a.set_requires_grad(true);  // allowed between forward and backward
    tape.backward(y);
    EXPECT_EQ(a.grad().item(), 6.0 * pass);
    EXPECT_EQ(copy.grad().item(), 6.0 * pass);
  }
}

TEST(RequiresGrad, AFrozenLeafIsAConstant) {
  Tensor a = leaf(3), b = leaf(5);
  Tensor handle = a;
  handle.set_requires_grad(false);  // a handle like those from model.parameters()
  {
    Tape tape;
    EXPECT_FALSE(mul(a, a).requires_grad());
    EXPECT_EQ(tape.size(), 0);
    tape.backward(mul(a, b));
  }
  EXPECT_FALSE(a.grad().defined());
  EXPECT_EQ(b.grad().item(), 3);
  handle.set_requires_grad(true);
  Tape tape;
  tape.backward(mul(a, b));
  EXPECT_EQ(a.grad().item(), 5);
}

TEST(RequiresGrad, TrueOnAResultChangesNothing) {
  Tensor a = leaf(3);
  Tape tape;
  Tensor y = mul(a, a);
  y.set_requires_grad(true);
  tape.backward(mul(y, y));
  EXPECT_EQ(a.grad().item(), 4 * 27);
}

TEST(RequiresGrad, FalseOnAResultIsAnError) {
  Tensor a = leaf(3);
  Tape tape;
  Tensor y = mul(a, a);
  expect_error([&] { y.set_requires_grad(false); }, {"set_requires_grad: false on the result", "detach()"});
  tape.backward(y);
  EXPECT_EQ(a.grad().item(), 6);
}

TEST(RequiresGrad, AResultWhoseTapeIsGoneMustBeDetached) {
  Tensor a = leaf(3), y, z;
  {
    Tape tape;
    y = mul(a, a);
  }
  Tape tape;
  z = mul(a, a);
  tape.backward(z);
  for (Tensor* result : {&y, &z}) {
    expect_error([&] { result->set_requires_grad(true); }, {"set_requires_grad: ", "tape was destroyed", "detach()"});
    Tensor own = result->detach();
    own.set_requires_grad(true);
    Tape next;
    next.backward(mul(own, own));
    EXPECT_EQ(own.grad().item(), 18);
  }
}

// An operation that writes into its input and returns the same handle: the result gets its own slot.
TEST(RequiresGrad, RecordingGivesTheOutputItsOwnSlot) {
  Tensor a = leaf(3);
  Tape tape;
  Tensor y = a;
  record("same", y, {a}, [](const Tensor& dy, const Gradients& d) { d[0].add(scale(dy, 2)); });
  EXPECT_NE(y.slot(), a.slot());
  tape.backward(y);
  EXPECT_EQ(a.grad().item(), 2);
}

}  // namespace
}  // namespace headlight
