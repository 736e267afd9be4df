// Tests of values and gradients at ties, bounds, infinities and NaN, against PyTorch's definitions.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");

Tensor row(const std::vector<double>& values) {
  return Tensor::of({static_cast<Index>(values.size())}, values, DType::kFloat64);
}

void expect_values(const Tensor& got, const std::vector<double>& want) {
  const std::vector<double> have = got.to_vector();
  ASSERT_EQ(have.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i])) EXPECT_TRUE(std::isnan(have[i])) << "element " << i << " is " << have[i];
    else if (std::isinf(want[i])) EXPECT_EQ(have[i], want[i]) << "element " << i;
    else EXPECT_NEAR(have[i], want[i], 1e-12) << "element " << i;
  }
}

// The gradients of sum(function(inputs)).
std::vector<Tensor> gradients(const Differentiable& function, std::vector<Tensor> inputs) {
  for (Tensor& x : inputs) x.set_requires_grad(true);
  Tape tape;
  const Tensor y = function(inputs);
  tape.backward(y, Tensor::ones_like(y));
  std::vector<Tensor> all;
  for (const Tensor& x : inputs) all.push_back(x.grad());
  return all;
}

TEST(SpecialValues, MaximumAndMinimum) {
  const Tensor a = row({1, 2, 2, kNan, 1, -kInf}), b = row({2, 1, 2, 1, kNan, kInf});
  expect_values(maximum(a, b), {2, 2, 2, kNan, kNan, kInf});
  expect_values(minimum(a, b), {1, 1, 2, kNan, kNan, -kInf});
  const auto larger = gradients([](Inputs in) { return maximum(in[0], in[1]); }, {a, b});
  expect_values(larger[0], {0, 1, 0.5, 1, 1, 0});
  expect_values(larger[1], {1, 0, 0.5, 1, 1, 1});
  const auto smaller = gradients([](Inputs in) { return minimum(in[0], in[1]); }, {a, b});
  expect_values(smaller[0], {1, 0, 0.5, 1, 1, 1});
  expect_values(smaller[1], {0, 1, 0.5, 1, 1, 0});
}

TEST(SpecialValues, Clamp) {
  const Tensor x = row({-2, -1, 0, 1, 2, kNan, kInf});
  expect_values(clamp(x, -1, 1), {-1, -1, 0, 1, 1, kNan, 1});
  expect_values(gradients([](Inputs in) { return clamp(in[0], -1, 1); }, {x})[0], {0, 1, 1, 1, 0, 0, 0});
  expect_values(clamp(x, 0, kInf), {0, 0, 0, 1, 2, kNan, kInf});
  expect_values(clamp(row({-5, 0, 5}), 2, 1), {1, 1, 1});
}

TEST(SpecialValues, AbsSinCos) {
  const Tensor x = row({-2, -0.0, 0, 3, kNan});
  expect_values(abs(x), {2, 0, 0, 3, kNan});
  EXPECT_FALSE(std::signbit(abs(x).to_vector()[1]));
  expect_values(gradients([](Inputs in) { return abs(in[0]); }, {x})[0], {-1, 0, 0, 1, 0});
  expect_values(sin(row({0, 1, kInf})), {0, 0.8414709848078965, kNan});
  expect_values(cos(row({0, 1})), {1, 0.5403023058681398});
}

TEST(SpecialValues, Pow) {
  expect_values(pow(row({2, -2, 0, 0, -8, 4}), row({3, 3, 0, -1, 1.0 / 3, 0.5})), {8, -8, 1, kInf, kNan, 2});
  const auto d = gradients([](Inputs in) { return pow(in[0], in[1]); }, {row({2, -2, 0, 0, 3}), row({3, 2, 0, 2, 0})});
  expect_values(d[0], {12, -4, 0, 0, 0});
  expect_values(d[1], {8 * std::log(2.0), kNan, 0, 0, std::log(3.0)});
  const Tensor x = row({-3, 0, 2});
  for (const double exponent : {0.0, 1.0, 2.0, 3.0}) {
    expect_values(pow(x, exponent), {std::pow(-3, exponent), std::pow(0, exponent), std::pow(2, exponent)});
    const Tensor dx = gradients([=](Inputs in) { return pow(in[0], exponent); }, {x})[0];
    const auto slope = [=](double v) { return exponent == 0 ? 0 : exponent * std::pow(v, exponent - 1); };
    expect_values(dx, {slope(-3), slope(0), slope(2)});
  }
}

// The side that is not selected gets gradient 0, even if its values are not finite.
TEST(SpecialValues, Where) {
  const Tensor mask = row({1, 0, 2});
  expect_values(where(mask, row({1, kNan, -0.0}), row({kInf, 5, 6})), {1, 5, 0});
  const auto d = gradients([&](Inputs in) { return where(mask, in[0], in[1]) / in[2]; },
                           {row({1, kNan, 3}), row({kInf, 5, 6}), row({0, 1, 1})});
  expect_values(d[0], {kInf, 0, 1});
  expect_values(d[1], {0, 1, 0});
  // A column mask selects whole rows.
  expect_values(where(reshape(row({1, 0}), {2, 1}), row({1, 2}), row({3, 4})), {1, 2, 3, 4});
}

TEST(SpecialValues, ArgmaxAndMin) {
  const Tensor x = Tensor::of({2, 3}, {1, 5, 5, 7, 0, 7});
  const auto indices = [](const PoolVector<std::int32_t>& found) {
    return std::vector<std::int32_t>(found.begin(), found.end());
  };
  EXPECT_EQ(indices(argmax(x)), (std::vector<std::int32_t>{1, 0}));
  EXPECT_EQ(indices(argmax(x, 0)), (std::vector<std::int32_t>{1, 0, 1}));
  EXPECT_EQ(indices(argmax(row({1, kNan, 9}))), (std::vector<std::int32_t>{1}));
  EXPECT_EQ(indices(argmax(Tensor::zeros({0, 2}))), (std::vector<std::int32_t>{}));
  EXPECT_NE(error_of([] {
              argmax(Tensor::zeros({2, 0}));
            }).find("argmax: axis 1 of [2,0] is empty"),
            std::string::npos);
  EXPECT_NE(error_of([] { argmax(Tensor::zeros({2}), 1); }).find("argmax: axis 1"), std::string::npos);
  expect_values(min(x, 1), {1, 0});
  EXPECT_TRUE(std::isnan(min(row({1, kNan})).item()));
  expect_values(gradients([](Inputs in) { return min(in[0]); }, {row({3, 1, 1})})[0], {0, 1, 0});
}

TEST(SpecialValues, CumsumVarLogsumexp) {
  expect_values(cumsum(Tensor::of({2, 3}, {1, 2, 3, 4, 5, 6}), 1), {1, 3, 6, 4, 9, 15});
  expect_values(cumsum(Tensor::of({2, 3}, {1, 2, 3, 4, 5, 6}), 0), {1, 2, 3, 5, 7, 9});
  expect_values(gradients([](Inputs in) { return cumsum(in[0], 0); }, {row({1, 2, 3})})[0], {3, 2, 1});
  const Tensor x = Tensor::of({2, 2}, {1, 3, 10, 10}, DType::kFloat64);
  expect_values(var(x, 1), {2, 0});
  expect_values(var(x, 1, false, 0), {1, 0});
  EXPECT_EQ(to_text(var(x, 0, true).shape()), "[1,2]");
  expect_values(gradients([](Inputs in) { return var(in[0], 1); }, {x})[0], {-2, 2, 0, 0});
  expect_values(logsumexp(row({1000, 1000}), 0), {1000 + std::log(2.0)});
  expect_values(logsumexp(row({-kInf, -kInf}), 0), {-kInf});
  expect_values(logsumexp(row({-kInf, 3}), 0), {3});
  expect_values(logsumexp(row({kInf, 3}), 0), {kInf});
  expect_values(logsumexp(row({kNan, 3}), 0), {kNan});
  expect_values(logsumexp(row({kNan, kInf}), 0), {kNan});
  expect_values(logsumexp(Tensor::zeros({2, 0}), 1), {-kInf, -kInf});
  const auto slope = [](const std::vector<double>& values) {
    return gradients([](Inputs in) { return logsumexp(in[0], 0); }, {row(values)})[0];
  };
  expect_values(slope({5, 5}), {0.5, 0.5});
  expect_values(slope({-kInf, 5}), {0, 1});
  expect_values(slope({-kInf, -kInf}), {0, 0});  // zeros, as for a masked row; PyTorch gives NaN
}

TEST(SpecialValues, ReductionsOverSeveralAxes) {
  const Tensor x = reshape(Tensor::arange(24), {2, 3, 4});
  expect_values(sum(x, {0, 2}), {60, 92, 124});
  expect_values(sum(x, {2, 0}), {60, 92, 124});
  expect_values(mean(x, {-1}), {1.5, 5.5, 9.5, 13.5, 17.5, 21.5});
  expect_values(max(x, {0, 1, 2}), {23});
  expect_values(min(x, {1, 2}), {0, 12});
  expect_values(var(Tensor::of({2, 2}, {1, 3, 5, 7}, DType::kFloat64), {0, 1}), {20.0 / 3});
  expect_values(var(Tensor::of({2, 2}, {1, 3, 5, 7}, DType::kFloat64), {0, 1}, false, 0), {5});
  expect_values(logsumexp(Tensor::zeros({3, 2, 4}, DType::kFloat64), {0, 2}), {std::log(12.0), std::log(12.0)});
  expect_values(logsumexp(Tensor::zeros({0, 2}), {0, 1}), {-kInf});
  EXPECT_EQ(to_text(sum(x, {0, 2}, true).shape()), "[1,3,1]");
  EXPECT_EQ(to_text(sum(x, {0, 1, 2}).shape()), "[]");
}

TEST(SpecialValues, StackSplitPad) {
  const Tensor a = row({1, 2}), b = row({3, 4});
  expect_values(stack({a, b}, 0), {1, 2, 3, 4});
  expect_values(stack({a, b}, -1), {1, 3, 2, 4});
  EXPECT_EQ(to_text(stack({a, b, a}, 1).shape()), "[2,3]");
  const PoolVector<Tensor> parts = split(row({1, 2, 3, 4, 5}), 0, 2);
  ASSERT_EQ(parts.size(), 3u);
  expect_values(parts[1], {3, 4});
  expect_values(parts[2], {5});
  EXPECT_TRUE(split(Tensor::zeros({0}), 0, 2).empty());
  expect_values(pad(a, 0, 1, 2, -1), {-1, 1, 2, -1, -1});
  EXPECT_EQ(to_text(pad(Tensor::zeros({2, 3}), 1, 1, 0).shape()), "[2,4]");
}

TEST(SpecialValues, Losses) {
  const Tensor x = row({1, 2, 4}), t = row({1, 0, 1});
  expect_values(mse_loss(x, t), {13.0 / 3});
  expect_values(mse_loss(x, t, Reduction::kSum), {13});
  expect_values(mse_loss(x, t, Reduction::kNone), {0, 4, 9});
  // log 0 counts as -100, and the slope stays finite.
  const Tensor p = row({0, 1, 0, 1, 0.25}), target = row({0, 1, 1, 0, 1});
  expect_values(binary_cross_entropy(p, target, Reduction::kNone), {0, 0, 100, 100, -std::log(0.25)});
  expect_values(gradients([&](Inputs in) { return binary_cross_entropy(in[0], target, Reduction::kSum); }, {p})[0],
                {0, 0, -1e12, 1e12, -4});
  EXPECT_NE(error_of([] { binary_cross_entropy(row({1.5}), row({1})); }).find("is 1.5, which is not a probability"),
            std::string::npos);
  const Tensor logits = row({-1000, 1000, 1000, 0}), labels = row({0, 1, 0, 0.5});
  expect_values(binary_cross_entropy_with_logits(logits, labels, Reduction::kNone), {0, 0, 1000, std::log(2.0)});
  expect_values(
      binary_cross_entropy_with_logits(row({kInf, kInf, -kInf, -kInf}), row({1, 0.3, 0.3, 0}), Reduction::kNone),
      {0, kInf, kInf, 0});
  expect_values(distillation_loss(row({1, 2}), row({kNan, 2})), {kNan});
  const Tensor moderate = row({-2, 0.3, 1.5}), wanted = row({0.2, 1, 0});
  EXPECT_LT(
      distance(binary_cross_entropy_with_logits(moderate, wanted), binary_cross_entropy(sigmoid(moderate), wanted)),
      1e-12);
}

// Compares the options of cross_entropy with log_softmax, gather and sums.
TEST(SpecialValues, CrossEntropyOptions) {
  Rng rng(41);
  const Tensor x = draw_values(rng, {4, 3}), w = row({0.5, 1, 2});
  const std::vector<std::int32_t> targets{2, 0, 9, 1};
  const auto loss = [&](CrossEntropyOptions o) {
    o.ignored = 9;
    return cross_entropy(x, targets, o);
  };
  const Tensor l = log_softmax(x);
  const std::vector<double> each{-2 * l.at({0, 2}), -0.5 * l.at({1, 0}), 0, -l.at({3, 1})};
  expect_values(loss({.weights = w, .reduction = Reduction::kNone}), each);
  expect_values(loss({.weights = w, .reduction = Reduction::kSum}), {each[0] + each[1] + each[3]});
  expect_values(loss({.weights = w}), {(each[0] + each[1] + each[3]) / 3.5});
  // Smoothing 1 is the mean over the classes.
  expect_values(loss({.reduction = Reduction::kNone, .label_smoothing = 1}),
                {-mean(l, 1).at({0}), -mean(l, 1).at({1}), 0, -mean(l, 1).at({3})});
  // Without options, the same as the plain form; with the classes on another axis, the same as on the last.
  const std::vector<std::int32_t> plain{2, 0, kIgnoredTarget, 1};
  EXPECT_NEAR(cross_entropy(x, plain, CrossEntropyOptions{}).item(), cross_entropy(x, plain).item(), 1e-12);
  const Tensor middle = draw_values(rng, {2, 3, 2});
  const std::vector<std::int32_t> four{0, 1, 2, 0};
  EXPECT_NEAR(cross_entropy(middle, four, {.axis = 1}).item(), cross_entropy(permute(middle, {0, 2, 1}), four).item(),
              1e-12);
  EXPECT_EQ(cross_entropy(x, std::vector<std::int32_t>(4, -1), CrossEntropyOptions{}).item(), 0);
  // A class of weight 0 may have the probability 0.
  expect_values(cross_entropy(row({0, -kInf, 0}), std::vector<std::int32_t>{0},
                              {.weights = row({1, 0, 1}), .label_smoothing = 0.5}),
                {std::log(2.0) * (0.5 + 0.5 / 3 * 2)});
}

TEST(SpecialValues, SoftmaxOverAnyAxis) {
  Rng rng(42);
  const Tensor x = draw_values(rng, {2, 3, 4});
  EXPECT_LT(distance(softmax(x, 1), transpose(softmax(transpose(x, 1, 2)), 1, 2)), 1e-15);
  EXPECT_LT(distance(log_softmax(x, 0), log(softmax(x, 0))), 1e-12);
  EXPECT_LT(distance(sum(softmax(x, 0), 0), Tensor::ones({3, 4}, DType::kFloat64)), 1e-12);
  EXPECT_TRUE(same_bits(softmax(x, 2), softmax(x)));
}

}  // namespace
}  // namespace headlight::tests
