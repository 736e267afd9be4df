// Tests that backward() throws if a saved tensor was written in place, and that all other in-place writes are allowed.
#include <gtest/gtest.h>

#include <thread>
#include <utility>

#include "headlight/autograd/saved.h"
#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

Tensor leaf(const Shape& shape, double value) {
  Tensor x = Tensor::full(shape, value);
  x.set_requires_grad(true);
  return x;
}

TEST(Version, GrowsWithEachWriteThroughAnyHandle) {
  Tensor x = Tensor::zeros({2});
  const Tensor same = x;
  Tensor row = reshape(x, {1, 2}), detached = x.detach();
  std::uint32_t before = x.version();
  const auto grew = [&] {
    const bool grown = x.version() > before && same.version() == x.version() && row.version() == x.version();
    before = x.version();
    return grown;
  };
  x.fill(1);
  EXPECT_TRUE(grew());
  x.copy_from(Tensor::zeros({2}));
  EXPECT_TRUE(grew());
  x.copy_from(Tensor::zeros({2}, DType::kFloat64));
  EXPECT_TRUE(grew());
  x.data<float>()[0] = 1;
  EXPECT_TRUE(grew());
  row.fill(2);
  EXPECT_TRUE(grew());
  detached.fill(3);
  EXPECT_TRUE(grew());
}

TEST(Version, ReadingIsNoWrite) {
  const Tensor other = Tensor::zeros({1});
  Tensor x = Tensor::zeros({1});
  const std::uint32_t before = x.version();
  static_cast<void>(std::as_const(x).data<float>());
  static_cast<void>(x.item());
  static_cast<void>(x.at({0}));
  static_cast<void>(x.to_vector());
  static_cast<void>(x.clone());
  static_cast<void>(x.to(DType::kFloat64));
  static_cast<void>(mul(x, other));
  EXPECT_EQ(x.version(), before);
  EXPECT_EQ(Tensor().version(), 0u);
}

// y = w w, then `write`, then backward.
template <class Write>
void expect_changed(const Write& write) {
  Tensor w = leaf({2}, 1);
  Tape tape;
  const Tensor y = mul(w, w);
  write(w);
  expect_error([&] { tape.backward(y, Tensor::full({2}, 1)); },
               {"mul: input 0 was changed in place after it was recorded", "call backward() first", "clone()"});
}

TEST(Version, EveryKindOfWriteIsSeen) {
  expect_changed([](Tensor& w) { w.fill(5); });
  expect_changed([](Tensor& w) { w.copy_from(Tensor::zeros({2})); });
  expect_changed([](Tensor& w) { w.data<float>()[1] = 5; });
  expect_changed([](Tensor& w) { reshape(w, {2, 1}).fill(5); });
  expect_changed([](Tensor& w) { w.alias({1, 2}).fill(5); });
  expect_changed([](Tensor& w) { w.detach().fill(5); });
  expect_changed([](Tensor& w) {
    Tensor copy = w;
    copy.fill(5);
  });
  expect_changed([](Tensor& w) {
    const NoGrad paused;
    w.fill(5);
  });
  expect_changed([](Tensor& w) { std::thread([&] { w.fill(5); }).join(); });
}

TEST(Version, TheErrorNamesLayerOperationInputAndVersions) {
  Tensor a = leaf({1}, 2), b = leaf({1}, 3);
  const std::uint32_t before = b.version();
  Tape tape;
  const Tensor y = [&] {
    const LayerScope blocks("blocks"), layer("ff");
    return mul(a, b);
  }();
  b.fill(4);
  try {
    tape.backward(y);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()),
              cat("blocks.ff: mul: input 1 was changed in place after it was recorded (version ", before + 1,
                  ", recorded at ", before, "); call backward() first, or write to a clone()"));
  }
}

TEST(Version, ResultsAndOtherSavedTensorsAreNamed) {
  Tensor x = leaf({1, 2}, 1);
  const auto run = [&](const auto& make) {
    Tape tape;
    tape.backward(sum(make()));
  };
  expect_error(
      [&] {
        run([&] {
          Tensor y = exp(x);
          y.fill(0);
          return y;
        });
      },
      {"exp: its result was changed"});
  Tensor q = leaf({1, 1, 2, 2}, 1), mask = Tensor::full({2, 2}, 1);
  expect_error(
      [&] {
        run([&] {
          AttentionOptions o;
          o.mask = mask;
          const Tensor z = attention(q, q, q, o);
          mask.fill(0);
          return z;
        });
      },
      {"attention: a tensor saved for its gradient was changed"});
}

// A tensor may change if the operation's gradient does not need it.
TEST(Version, OtherWritesAreAllowed) {
  Tensor w = leaf({1}, 2);
  const Tensor constant = Tensor::full({1}, 3);
  const auto gradient = [&](const auto& make) {
    w.fill(2);
    w.zero_grad();
    Tape tape;
    const Tensor y = make();
    tape.backward(y);
    return w.grad().item();
  };
  const auto after = [&](Tensor y, Tensor changed) {
    changed.fill(100);
    return y;
  };
  EXPECT_EQ(gradient([&] { return after(add(w, w), w); }), 2);
  EXPECT_EQ(gradient([&] { return after(relu(w), w); }), 1);  // relu saves its result, not its input
  EXPECT_EQ(gradient([&] { return after(mul(w, constant), w); }), 3)
      << "the constant needs no gradient, so w is not read";
  const Tensor one = Tensor::full({1, 1}, 1);
  EXPECT_EQ(gradient([&] {
              return after(matmul(reshape(w, {1, 1, 1}), one), w);
            }),
            1)
      << "the gradient of w needs `one`";
  EXPECT_EQ(gradient([&] { return after(linear(reshape(w, {1, 1}), one), w); }), 1);
  EXPECT_EQ(gradient([&] { return after(div(w, constant), w); }), static_cast<double>(1 / 3.0f));
  EXPECT_EQ(gradient([&] {
              Tensor y = add(w, w);
              y.fill(5);         // before an operation saves y
              return mul(y, y);  // the gradient is 2 y * 2 = 20
            }),
            20);
  EXPECT_EQ(gradient([&] {
              Tensor c = Tensor::full({1}, 3);
              Tensor copy = c.clone();
              const Tensor y = mul(w, copy);
              c.fill(9);
              return y;
            }),
            3);
}

TEST(Version, WritesAroundTheStepAreAllowed) {
  Tensor w = leaf({1}, 2);
  for (int step = 0; step < 3; ++step) {
    w.fill(2 + step);
    Tape tape;
    tape.backward(mul(w, w));
    w.fill(7);
    EXPECT_EQ(w.grad().item(), 2 * (2 + step));
    w.grad().fill(0);
  }
}

// Writes to a handle that user code detaches, outside a backward pass, are not checked.
TEST(Version, DetachedHandlesSeeWrites) {
  Tensor w = leaf({1}, 2);
  Tape tape;
  const Tensor seen = w.detach();
  w.fill(3);
  EXPECT_EQ(seen.item(), 3);
  tape.backward(mul(w, seen));  // mul saves the values that it reads
  EXPECT_EQ(w.grad().item(), 3);
}

// Gradients are summed in place through several handles. They are not saved tensors, so these writes are allowed.
TEST(Version, SumsOfGradientsAreNotSavedTensors) {
  Tensor w = leaf({1, 1}, 2);
  const Tensor one = Tensor::full({1, 1}, 1);
  Tape tape;
  const Tensor h = mul(w, w);
  const Tensor through_linear = linear(h, one);  // its backward adds in place to the gradient from scale()
  tape.backward(add(through_linear, scale(h, 2)));
  EXPECT_EQ(w.grad().item(), 12);
}

// An operation may write through a handle and then save the same handle.
TEST(Version, AHandlesOwnWritesAreNoted) {
  for (const bool changed : {false, true}) {
    Tensor w = leaf({2}, 1);
    Tape tape;
    Tensor y = Tensor::empty({2}), flat = y.alias({2, 1});
    flat.fill(3);
    record("tripled", y, {w}, [flat](const Tensor& dy, const Gradients& d) { d[0].add(mul(dy, flat.alias({2}))); });
    if (changed) y.fill(4);
    const auto backward = [&] { tape.backward(sum(y)); };
    if (changed) expect_error(backward, {"tripled: its result was changed in place"});
    else backward();
    if (!changed) {
      EXPECT_EQ(w.grad().to_vector(), (std::vector<double>{3, 3}));
    }
  }
}

// A backward function may run another tape. Tensors saved on the inner tape are checked, and so is the outer handle.
TEST(Version, TapesInsideABackwardFunction) {
  for (const int written : {0, 1, 2}) {
    Tensor w = leaf({1}, 2);
    Tape tape;
    Tensor y = w.clone();
    record("outer", y, {w}, [w = w.detach(), written](const Tensor& dy, const Gradients& d) {
      Tensor inner = w.clone();
      inner.set_requires_grad(true);
      Tape again;
      const Tensor z = mul(mul(inner, w), inner);  // w x^2
      if (written == 1) inner.fill(9);
      again.backward(z);
      d[0].add(mul(dy, inner.grad()));
    });
    if (written == 2) w.fill(9);
    if (written == 0) {
      tape.backward(y);
      EXPECT_EQ(w.grad().item(), 8);
    } else {
      expect_error([&] { tape.backward(y); }, {written == 1 ? "mul: input" : "outer: input 0", "changed in place"});
    }
  }
}

// ---- recomputed results ----

class VersionOfRecomputedResults : public testing::Test {
 protected:
  VersionOfRecomputedResults() { set_recompute_bytes(0); }
  ~VersionOfRecomputedResults() override { set_recompute_bytes(before_); }

 private:
  std::size_t before_ = recompute_bytes();
};

TEST_F(VersionOfRecomputedResults, TheirInputsAreChecked) {
  Rng rng(1);
  for (const int written : {0, 1, 2}) {
    Tensor x = Tensor::normal({3, 4}, 0, 1, rng), gamma = leaf({4}, 1), beta = leaf({4}, 0), w = leaf({2, 4}, 1);
    Tape tape;
    const Tensor y = sum(linear(layer_norm(x, gamma, beta), w));
    (written == 0 ? x : written == 1 ? gamma : beta).fill(3);
    expect_error([&] { tape.backward(y); }, {"linear: ", "changed in place"});
  }
}

// Recomputing would give the values before the write, but linear() read the values after the write.
TEST_F(VersionOfRecomputedResults, AChangedResultIsStoredInstead) {
  Tensor x = leaf({1, 2}, 1), w = leaf({1, 2}, 1);
  Tape tape;
  Tensor y = gelu(x);
  y.fill(7);
  tape.backward(linear(y, w));
  EXPECT_EQ(w.grad().to_vector(), (std::vector<double>{7, 7}));
}

}  // namespace
}  // namespace headlight
