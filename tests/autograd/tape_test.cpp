// Tests of the tape: gradients of shared tensors, nested tapes, NoGrad, errors and memory.
#include "headlight/autograd/tape.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <thread>

#include "headlight/ops/ops.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

Tensor leaf(const Shape& shape, std::initializer_list<double> values, DType dtype = DType::kFloat32) {
  Tensor x = Tensor::of(shape, values, dtype);
  x.set_requires_grad(true);
  return x;
}

Tensor leaf(double value) { return leaf({}, {value}); }

// ---- sums of gradients ----

TEST(Tape, Diamond) {
  // c = a e^a, as in tape.h: dc/da = e^a + a e^a
  Tensor a = leaf(0.5);
  Tape tape;
  const Tensor b = exp(a);
  const Tensor c = mul(a, b);
  EXPECT_EQ(tape.size(), 2);
  tape.backward(c);
  EXPECT_NEAR(a.grad().item(), 1.5 * std::exp(0.5), 1e-6);
  EXPECT_EQ(tape.size(), 0);
  // Intermediate gradients are freed.
  EXPECT_FALSE(b.grad().defined());
  EXPECT_FALSE(c.grad().defined());
}

TEST(Tape, DiamondOfDiamonds) {
  // Each level doubles the number of paths: 2^30 paths, one pass.
  Tensor a = leaf(1);
  Tape tape;
  Tensor x = a;
  for (int i = 0; i < 30; ++i) x = add(x, x);
  tape.backward(x);
  EXPECT_EQ(a.grad().item(), 0x1p30);
}

TEST(Tape, OneTensorAsBothInputs) {
  Tensor a = leaf({2}, {3, -4});
  {
    Tape tape;
    tape.backward(sum(mul(a, a)));
  }
  EXPECT_EQ(a.grad().to_vector(), (std::vector<double>{6, -8}));
  a.zero_grad();
  {
    Tape tape;
    tape.backward(sum(sub(a, a)));
  }
  EXPECT_EQ(a.grad().to_vector(), (std::vector<double>{0, 0}));
  Tensor m = leaf({2, 2}, {1, 2, 3, 4});
  Tape tape;
  tape.backward(sum(matmul(m, m)));
  EXPECT_EQ(m.grad().to_vector(), (std::vector<double>{7, 11, 9, 13}));
}

TEST(Tape, HandlesOfOneTensorShareItsGradient) {
  Tensor a = leaf(2);
  const Tensor b = a;
  Tape tape;
  tape.backward(mul(a, b));
  EXPECT_EQ(a.grad().item(), 4);
  EXPECT_EQ(b.grad().item(), 4);
}

TEST(Tape, ResultsOffThePathGetNothing) {
  Tensor a = leaf(2), unused = leaf(3);
  Tape tape;
  const Tensor aside = exp(unused);
  const Tensor dead_end = exp(a);
  tape.backward(scale(a, 5));
  EXPECT_EQ(a.grad().item(), 5);
  EXPECT_FALSE(unused.grad().defined());
}

TEST(Tape, ResultMayBeInTheMiddle) {
  Tensor a = leaf(2);
  Tape tape;
  const Tensor b = scale(a, 3);
  const Tensor c = scale(b, 7);
  tape.backward(b);
  EXPECT_EQ(a.grad().item(), 3);
}

TEST(Tape, LeavesCollectOverSeveralPasses) {
  Tensor a = leaf(2);
  for (int pass = 1; pass <= 3; ++pass) {
    Tape tape;
    tape.backward(mul(a, a));
    EXPECT_EQ(a.grad().item(), 4.0 * pass);
  }
  a.zero_grad();
  EXPECT_FALSE(a.grad().defined());
}

TEST(Tape, GradientOfAnyShapeCanBeGiven) {
  Tensor a = leaf({2}, {1, 2});
  Tape tape;
  tape.backward(mul(a, a), Tensor::of({2}, {10, 100}));
  EXPECT_EQ(a.grad().to_vector(), (std::vector<double>{20, 400}));
}

// An optimizer may clip a gradient in place. This must not change another parameter's gradient or the caller's tensors.
TEST(Tape, LeafGradientsShareNoStorage) {
  Tensor a = leaf({2}, {1, 2}), b = leaf({2}, {3, 4}), c = leaf({1, 2}, {5, 6});
  const Tensor given = Tensor::of({2}, {1, 1});
  Tape tape;
  tape.backward(add(add(a, b), reshape(c, {2})), given);
  a.grad().fill(100);
  EXPECT_EQ(b.grad().to_vector(), (std::vector<double>{1, 1}));
  EXPECT_EQ(c.grad().to_vector(), (std::vector<double>{1, 1}));
  EXPECT_EQ(given.to_vector(), (std::vector<double>{1, 1}));
}

// A gradient that was read does not change when later passes add to the parameter's gradient.
TEST(Tape, GradientReadEarlierStays) {
  Tensor a = leaf({2}, {1, 2}), w = leaf({2, 2}, {1, 0, 0, 1});
  const auto pass = [&] {
    Tape tape;
    tape.backward(sum(linear(mul(a, a), w)));
  };
  pass();
  const Tensor first_a = a.grad(), first_w = w.grad();
  const auto values_a = first_a.to_vector(), values_w = first_w.to_vector();
  pass();
  EXPECT_EQ(first_a.to_vector(), values_a);
  EXPECT_EQ(first_w.to_vector(), values_w);
  EXPECT_EQ(a.grad().to_vector(), (std::vector<double>{2 * values_a[0], 2 * values_a[1]}));
}

// ---- recorded operations and their tape ----

TEST(Tape, RecordsOnlyWhatNeedsAGradient) {
  Tensor a = leaf(2);
  const Tensor constant = Tensor::scalar(3);
  EXPECT_FALSE(mul(a, a).requires_grad());  // no tape
  Tape tape;
  EXPECT_FALSE(mul(constant, constant).requires_grad());
  EXPECT_EQ(tape.size(), 0);
  EXPECT_TRUE(mul(a, constant).requires_grad());
  EXPECT_FALSE(mul(a.detach(), constant).requires_grad());
  EXPECT_EQ(tape.size(), 1);
}

TEST(Tape, NamesItsOperations) {
  Tensor a = leaf(2);
  Tape tape;
  const Tensor b = exp(mul(exp(a), a));
  EXPECT_EQ(tape.operations(), (std::vector<std::string>{"exp", "mul"}));
}

TEST(Tape, NoGradPausesAndResumesRecording) {
  Tensor a = leaf(2);
  Tape tape;
  {
    const NoGrad paused;
    EXPECT_EQ(Tape::current(), nullptr);
    EXPECT_FALSE(mul(a, a).requires_grad());
    { const NoGrad again; }
    EXPECT_EQ(Tape::current(), nullptr);
  }
  EXPECT_EQ(Tape::current(), &tape);
  EXPECT_EQ(tape.size(), 0);
  tape.backward(mul(a, a));
  EXPECT_EQ(a.grad().item(), 4);
}

TEST(Tape, NestedTapes) {
  Tensor a = leaf(2);
  Tape outer;
  const Tensor b = mul(a, a);
  {
    Tape inner;
    EXPECT_EQ(Tape::current(), &inner);
    // b belongs to another tape, so b is a constant here.
    const Tensor c = mul(a, b);
    EXPECT_EQ(inner.size(), 1);
    EXPECT_FALSE(exp(b).requires_grad());
    inner.backward(c);
  }
  EXPECT_EQ(a.grad().item(), 4);  // the derivative with respect to a alone is b, not 3 a^2
  EXPECT_EQ(Tape::current(), &outer);
  EXPECT_EQ(outer.size(), 1);
  outer.backward(b);
  EXPECT_EQ(a.grad().item(), 8);
}

TEST(Tape, ResultsOfADeadTapeAreConstants) {
  Tensor a = leaf(2), b;
  {
    Tape tape;
    b = mul(a, a);
  }
  EXPECT_TRUE(b.requires_grad());
  Tape tape;
  EXPECT_FALSE(exp(b).requires_grad());
  tape.backward(mul(a, b));
  EXPECT_EQ(a.grad().item(), 4);
}

TEST(Tape, EachThreadHasItsOwnTapes) {
  Tensor a = leaf(2), from_there;
  Tape here;
  std::thread([&] {
    EXPECT_EQ(Tape::current(), nullptr);
    // More tapes than the main thread has made so far, so tape numbers counted per thread would be equal.
    for (int i = 0; i < 1000; ++i) {
      Tape there;
      from_there = mul(a, a);
      EXPECT_EQ(there.size(), 1);
    }
  }).join();
  EXPECT_EQ(here.size(), 0);
  EXPECT_FALSE(exp(from_there).requires_grad());
  std::optional<Tape> tapes[1001];
  for (auto& tape : tapes) tape.emplace();
  for (auto& tape : tapes) EXPECT_EQ(tape->size(), 0);
  for (int i = 1000; i >= 0; --i) {
    EXPECT_FALSE(exp(from_there).requires_grad()) << i;
    tapes[i].reset();
  }
  EXPECT_EQ(Tape::current(), &here);
}

// ---- misuse ----

TEST(TapeErrors, ConsumedTwice) {
  Tensor a = leaf(2);
  Tape tape;
  const Tensor b = mul(a, a);
  tape.backward(b);
  expect_error([&] { tape.backward(b); }, {"backward: ", "already consumed"});
  EXPECT_EQ(a.grad().item(), 4);
}

TEST(TapeErrors, RecordingOnAConsumedTape) {
  Tensor a = leaf(2);
  Tape tape;
  tape.backward(mul(a, a));
  expect_error([&] { exp(a); }, {"exp: ", "backward() has run", "new Tape"});
  EXPECT_EQ(exp(a.detach()).item(), static_cast<double>(std::exp(2.0f)));  // constants are never recorded
}

TEST(TapeErrors, LossOfSeveralNumbers) {
  Tensor a = leaf({2}, {1, 2});
  Tape tape;
  const Tensor b = mul(a, a);
  expect_error([&] { tape.backward(b); }, {"backward: ", "single number", "[2]"});
  tape.backward(sum(b));  // the tape is still good
  EXPECT_EQ(a.grad().to_vector(), (std::vector<double>{2, 4}));
}

TEST(TapeErrors, LossThatWasNotRecordedHere) {
  Tensor a = leaf(2);
  Tape outer;
  const Tensor b = mul(a, a);
  Tape tape;
  expect_error([&] { tape.backward(b); }, {"not recorded on this tape"});
  expect_error([&] { tape.backward(Tensor::scalar(1)); }, {"not recorded on this tape"});
  expect_error([&] { tape.backward(a); }, {"not recorded on this tape"});
}

TEST(TapeErrors, GivenGradientOfAnotherShapeOrType) {
  Tensor a = leaf({2}, {1, 2});
  Tape tape;
  const Tensor b = mul(a, a);
  expect_error([&] { tape.backward(b, Tensor::zeros({3})); }, {"backward: ", "[2]", "[3]"});
  expect_error([&] { tape.backward(b, Tensor::zeros({2}, DType::kFloat64)); }, {"backward: ", "float32", "float64"});
  expect_error([&] { tape.backward(b, Tensor()); }, {"backward: ", "not defined"});
  tape.backward(b, Tensor::full({2}, 1));
  EXPECT_EQ(a.grad().to_vector(), (std::vector<double>{2, 4}));
}

// An operation whose backward function gives `wrong` as the gradient.
Tensor faulty(const Tensor& x, const Tensor& other, const Tensor& wrong) {
  Tensor y = x.clone();
  record("faulty", y, {x, other}, [wrong](const Tensor& dy, const Gradients& d) {
    d[0].add(dy);
    d[1].add(wrong);
  });
  return y;
}

TEST(TapeErrors, WrongGradientNamesTheOperation) {
  Tensor a = leaf({2}, {1, 2}), b = leaf({3}, {1, 2, 3});
  const auto run = [&](const Tensor& wrong) {
    Tape tape;
    tape.backward(sum(faulty(a, b, wrong)));
  };
  expect_error([&] { run(Tensor::zeros({2})); }, {"faulty: ", "input 1", "float32 [2]", "float32 [3]"});
  expect_error([&] { run(Tensor::zeros({3, 1})); }, {"faulty: ", "[3,1]"});
  expect_error([&] { run(Tensor::zeros({3}, DType::kFloat64)); }, {"faulty: ", "float64 [3]"});
  expect_error([&] { run(Tensor()); }, {"faulty: ", "without a value"});
  run(Tensor::zeros({3}));
  // The gradient of a constant is never requested, so the wrong gradient has no effect.
  Tape tape;
  tape.backward(sum(faulty(a, b.detach(), Tensor::zeros({2}))));
}

// ---- size and memory ----

TEST(Tape, LongChainNeedsNoStack) {
  constexpr int kLength = 100000;
  Tensor a = leaf(1);
  {
    Tape tape;
    Tensor x = a;
    for (int i = 0; i < kLength; ++i) x = add(x, a);
    EXPECT_EQ(tape.size(), kLength);
    tape.backward(x);
    EXPECT_EQ(a.grad().item(), kLength + 1);
  }
  // A chain that is destroyed without a backward pass is also freed iteratively, without deep recursion.
  Tape tape;
  Tensor x = a;
  for (int i = 0; i < kLength; ++i) x = exp(neg(x));
}

TEST(Tape, SavedTensorsAreReleasedAsTheyAreConsumed) {
  constexpr Index kBytes = 1 << 20;  // of each tensor
  constexpr int kLength = 10;
  const Index before = pool_stats().bytes_in_use;
  std::vector<Index> in_use;
  Tensor a = Tensor::full({kBytes / 4}, 0.5);
  a.set_requires_grad(true);
  {
    Tape tape;
    // An operation that records the number of bytes in use when the backward pass reaches it.
    const auto spy = [&](const Tensor& x) {
      Tensor y = x.clone();
      record("spy", y, {x}, [&in_use](const Tensor& dy, const Gradients& d) {
        in_use.push_back(pool_stats().bytes_in_use);
        d[0].add(dy);
      });
      return y;
    };
    Tensor x = spy(a);
    for (int i = 0; i < kLength; ++i) x = spy(tanh(x));
    x = sum(x);
    EXPECT_GT(pool_stats().bytes_in_use - before, kLength * kBytes);  // each tanh keeps its output
    tape.backward(x);
  }
  ASSERT_EQ(in_use.size(), kLength + 1u);
  for (std::size_t i = 1; i < in_use.size(); ++i)
    EXPECT_NEAR(static_cast<double>(in_use[i - 1] - in_use[i]), kBytes, 1e4) << "at step " << i;
  EXPECT_LT(pool_stats().bytes_in_use - before, 3 * kBytes);  // a, its gradient, and small objects
}

TEST(Tape, NothingIsKeptWithoutATape) {
  Tensor a = leaf({2}, {1, 2});
  const Index before = pool_stats().bytes_in_use;
  Tensor x = a;
  for (int i = 0; i < 10; ++i) x = tanh(exp(x));
  EXPECT_LT(pool_stats().bytes_in_use - before, 1000);
}

}  // namespace
}  // namespace headlight
