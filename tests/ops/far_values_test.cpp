// Tests of large, infinite and masked values, in both types and on every kernel set. Exponentials of large values need
// the maximum subtracted first; a zero derivative times an infinite gradient must not give NaN.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

class FarValues : public ::testing::TestWithParam<std::pair<Isa, DType>> {
 protected:
  void SetUp() override { set_isa(GetParam().first); }
  DType dtype() const { return GetParam().second; }
  // The tolerance for results of ordinary size.
  double rounding() const { return dtype() == DType::kFloat32 ? 2e-7 : 1e-15; }
  Tensor constant(const Shape& shape, const std::vector<double>& values) const {
    return Tensor::of(shape, values, dtype());
  }
  Tensor leaf(const Shape& shape, const std::vector<double>& values) const {
    Tensor x = constant(shape, values);
    x.set_requires_grad(true);
    return x;
  }
  void expect(const Tensor& got, const std::vector<double>& want, double tolerance) const {
    const std::vector<double> have = got.to_vector();
    ASSERT_EQ(have.size(), want.size());
    for (std::size_t i = 0; i < have.size(); ++i)
      EXPECT_TRUE(std::isnan(want[i]) ? std::isnan(have[i]) : std::abs(have[i] - want[i]) <= tolerance)
          << "element " << i << ": got " << have[i] << ", right is " << want[i];
  }
  void expect(const Tensor& got, const std::vector<double>& want) const { expect(got, want, rounding()); }

 private:
  const EngineScope restore_{};
};

std::vector<std::pair<Isa, DType>> engines() {
  std::vector<std::pair<Isa, DType>> all;
  for (const Isa isa : {Isa::kReference, Isa::kPortable, Isa::kAvx2, Isa::kAvx512})
    for (const DType dtype : {DType::kFloat32, DType::kFloat64})
      if (isa_available(isa)) all.emplace_back(isa, dtype);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Engines, FarValues, ::testing::ValuesIn(engines()),
                         [](const auto& one) { return cat(isa_name(one.param.first), "_", one.param.second); });

// ---- rows that are all -inf ----

using Attend = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const AttentionOptions&, Tensor*);

// The bias of the first query is all -inf, that of the second all 0.
TEST_P(FarValues, AttentionToNothingIsZeroWithGradientsOfZero) {
  for (const Attend attend : {Attend{attention}, Attend{attention_composite}}) {
    const Tensor q = leaf({1, 1, 2, 1}, {3, 0}), k = leaf({1, 1, 2, 1}, {1, 2}), v = leaf({1, 1, 2, 1}, {4, 6});
    const Tensor bias = leaf({2, 2}, {-kInf, -kInf, 0, 0});
    Tape tape;
    Tensor weights;
    const Tensor z = attend(q, k, v, {.mask = {}, .bias = bias}, &weights);
    tape.backward(z, constant(z.shape(), {7, 1}));
    expect(weights, {0, 0, 0.5, 0.5});
    expect(z, {0, 5});
    expect(q.grad(), {0, 0.5});
    expect(k.grad(), {0, 0});
    expect(v.grad(), {0.5, 0.5});
    expect(bias.grad(), {0, 0, -0.5, 0.5});
  }
}

TEST_P(FarValues, PackedAttentionToNothingIsZeroWithGradientsOfZero) {
  const Tensor qkv = leaf({1, 2, 3}, {3, 1, 4, 0, 2, 6}), bias = leaf({2, 2}, {-kInf, -kInf, 0, 0});
  Tape tape;
  const Tensor z = attention_packed(qkv, 1, {.mask = {}, .bias = bias});
  tape.backward(z, constant(z.shape(), {7, 1}));
  expect(z, {0, 5});
  expect(qkv.grad(), {0, 0, 0.5, 0.5, 0, 0.5});
  expect(bias.grad(), {0, 0, -0.5, 0.5});
}

TEST_P(FarValues, SoftmaxOfNothingIsZeroWithGradientsOfZero) {
  Tensor x = leaf({2, 3}, {-kInf, -kInf, -kInf, -kInf, -kInf, 5});
  const Tensor mask = constant({3}, {1, 1, 0});
  for (const bool masked : {false, true}) {
    x.zero_grad();
    Tape tape;
    const Tensor y = masked ? masked_softmax(x, mask) : softmax(x);
    tape.backward(y, constant({2, 3}, {1, 2, 3, 4, 5, 6}));
    expect(y, {0, 0, 0, 0, 0, masked ? 0.0 : 1.0}, 0);
    expect(x.grad(), {0, 0, 0, 0, 0, 0}, 0);
  }
}

// ---- logits far from 0 ----

TEST_P(FarValues, CrossEntropyOfLargeEqualLogits) {
  for (const double size : {1e8, -1e8, 1e30}) {
    const Tensor logits = leaf({1, 3}, {size, size, size});
    Tape tape;
    const Tensor loss = cross_entropy(logits, std::vector<std::int32_t>{0});
    tape.backward(loss);
    expect(loss, {std::log(3.0)});
    expect(logits.grad(), {-2.0 / 3, 1.0 / 3, 1.0 / 3});
  }
}

TEST_P(FarValues, LogSoftmaxOfLargeEqualLogits) {
  const double log_third = -std::log(3.0);
  for (const double size : {1e8, -1e8, 1e17, 1e30}) {
    const Tensor x = leaf({3}, {size, size, size});
    Tape tape;
    const Tensor y = log_softmax(x);
    tape.backward(y, constant({3}, {1, 0, 0}));
    expect(y, {log_third, log_third, log_third}, 3 * rounding());
    expect(x.grad(), {2.0 / 3, -1.0 / 3, -1.0 / 3}, 2 * rounding());
  }
}

// Random logits plus 10,000. Expected: the same float values minus 10,000, computed in float64.
TEST_P(FarValues, CrossEntropyDoesNotDependOnTheLevelOfItsLogits) {
  const Index rows = 20, n = 65;
  Rng rng(3);
  const Tensor level = Tensor::full({rows, n}, 1e4, DType::kFloat64);
  Tensor raised = add(Tensor::normal({rows, n}, 0, 3, rng, DType::kFloat64), level).to(DType::kFloat32);
  std::vector<std::int32_t> targets;
  for (Index r = 0; r < rows; ++r)
    targets.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(n))));
  const auto evaluated = [&](const Tensor& values) {
    Tensor logits = values.detach();
    logits.set_requires_grad(true);
    Tape tape;
    const Tensor loss = cross_entropy(logits, targets);
    tape.backward(loss);
    return std::pair(loss.item(), logits.grad());
  };
  const auto [want_loss, want] = evaluated(sub(raised.to(DType::kFloat64), level));
  const auto [loss, got] = evaluated(raised.to(dtype()));
  EXPECT_NEAR(loss, want_loss, rounding() * want_loss);
  const std::vector<double> a = got.to_vector(), b = want.to_vector();
  for (std::size_t i = 0; i < a.size(); ++i)  // the gradients are sums of terms of about 1/20
    EXPECT_NEAR(a[i], b[i], (dtype() == DType::kFloat32 ? 1e-6 : 1e-14) * std::abs(b[i]) + rounding() / 20) << i;
}

// Scores of -1e9 + {1, 2}: in float32 both are -1e9. The backward pass must recompute the same weights as the forward
// pass.
TEST_P(FarValues, AttentionBackwardHasTheWeightsOfItsForward) {
  for (const double far : {-1e9, 1e9, -1e18}) {
    const Tensor q = constant({1, 1, 1, 1}, {1}), k = constant({1, 1, 2, 1}, {1, 2}), v = leaf({1, 1, 2, 1}, {1, 2});
    const Tensor bias = leaf({}, {far});
    Tape tape;
    const Tensor z = attention(q, k, v, {.scale = 1, .mask = {}, .bias = bias});
    tape.backward(z, constant(z.shape(), {1}));
    const bool told_apart = dtype() == DType::kFloat64 && std::abs(far) < 1e15;
    const double first = told_apart ? 0.2689414213699951 : 0.5;
    expect(z, {2 - first}, 2 * rounding());
    expect(v.grad(), {first, 1 - first});
    expect(bias.grad(), {0});
  }
}

// ---- infinite and missing gradients where the derivative is 0 ----

TEST_P(FarValues, ReluPassesNothingOnBelowZero) {
  for (const double bad : {kInf, -kInf, kNaN}) {
    const Tensor x = leaf({5}, {-2, -0.0, 0, 3, kNaN});
    Tape tape;
    const Tensor y = relu(x);
    tape.backward(y, constant({5}, {bad, bad, bad, 1, 1}));
    expect(x.grad(), {0, 0, 0, 1, 1}, 0);  // NaN passes its gradient on, as in PyTorch
  }
}

TEST_P(FarValues, MaskedSoftmaxGivesMaskedElementsNothing) {
  // The row without the masked element: y = {1, 3} / 4, dx = y (dy - 2.5) for dy = {1, 3}.
  const double log3 = std::log(3.0);
  for (const double x_bad : {kInf, -kInf, kNaN, 1.0})
    for (const double dy_bad : {kInf, -kInf, kNaN, 1.0}) {
      const Tensor x = leaf({3}, {0, x_bad, log3}), mask = constant({3}, {1, 0, 1});
      Tape tape;
      const Tensor y = masked_softmax(x, mask);
      tape.backward(y, constant({3}, {1, dy_bad, 3}));
      expect(y, {0.25, 0, 0.75});
      expect(x.grad(), {-0.375, 0, 0.375}, 2 * rounding());
    }
}

TEST_P(FarValues, MaxAndDropoutPassNothingOnFromWhatTheyLeaveOut) {
  const Tensor x = leaf({2, 2}, {1, 2, 4, 3});
  {
    Tape tape;
    tape.backward(max(x, 1), constant({2}, {kInf, 5}));
    const std::vector<double> dx = x.grad().to_vector();
    EXPECT_EQ(dx, (std::vector<double>{0, kInf, 5, 0}));
  }
  seed_generator(3);
  const Tensor infinite = leaf({64}, std::vector<double>(64, kInf));
  Tape tape;
  const Tensor y = dropout(infinite, 0.5);
  tape.backward(y, constant({64}, std::vector<double>(64, -kInf)));
  const std::vector<double> values = y.to_vector(), dx = infinite.grad().to_vector();
  EXPECT_EQ(std::count(values.begin(), values.end(), 0) + std::count(values.begin(), values.end(), kInf), 64);
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(dx[i], values[i] == 0 ? 0 : -kInf) << i;
}

TEST_P(FarValues, CrossEntropyGivesIgnoredRowsNothing) {
  const Tensor logits = leaf({2, 2}, {kInf, kNaN, 0, 0});
  Tape tape;
  const Tensor loss = cross_entropy(logits, std::vector<std::int32_t>{kIgnoredTarget, 1});
  tape.backward(loss);
  expect(loss, {std::log(2.0)});
  expect(logits.grad(), {0, 0, 0.5, -0.5});
}

}  // namespace
}  // namespace headlight::tests
