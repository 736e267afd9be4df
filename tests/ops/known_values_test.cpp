// Tests against results computed by hand, independent of the checks in operations_test.cpp.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

// Values of both types, against numbers.
void expect_values(const Tensor& got, const Shape& shape, const std::vector<double>& values, double tolerance = 1e-6) {
  EXPECT_EQ(to_text(got.shape()), to_text(shape));
  const std::vector<double> have = got.to_vector();
  ASSERT_EQ(have.size(), values.size());
  for (std::size_t i = 0; i < have.size(); ++i) EXPECT_NEAR(have[i], values[i], tolerance) << "element " << i;
}

Tensor leaf(const Shape& shape, const std::vector<double>& values) {
  Tensor x = Tensor::of(shape, values);
  x.set_requires_grad(true);
  return x;
}

TEST(KnownValues, Broadcasting) {
  const Tensor column = Tensor::of({2, 1}, {1, 2}), row = Tensor::of({3}, {10, 20, 30});
  expect_values(add(column, row), {2, 3}, {11, 21, 31, 12, 22, 32});
  expect_values(sub(row, column), {2, 3}, {9, 19, 29, 8, 18, 28});
  expect_values(mul(column, row), {2, 3}, {10, 20, 30, 20, 40, 60});
  expect_values(div(row, column), {2, 3}, {10, 20, 30, 5, 10, 15});
  expect_values(add(Tensor::scalar(1), row), {3}, {11, 21, 31});
  expect_values(add(Tensor::of({2, 1, 2}, {1, 2, 3, 4}), Tensor::of({2, 1}, {10, 20})), {2, 2, 2},
                {11, 12, 21, 22, 13, 14, 23, 24});
  // Broadcasting along the middle axis only.
  expect_values(mul(Tensor::of({2, 1, 2}, {1, 2, 3, 4}), Tensor::of({2, 2, 2}, {1, 1, 2, 2, 3, 3, 4, 4})), {2, 2, 2},
                {1, 2, 2, 4, 9, 12, 12, 16});
  expect_values(add(Tensor::zeros({2, 0}), Tensor::zeros({1})), {2, 0}, {});
}

TEST(KnownValues, GradientOfABroadcastInputIsSummed) {
  Tensor column = leaf({2, 1}, {1, 2}), row = leaf({3}, {10, 20, 30});
  Tape tape;
  tape.backward(sum(mul(column, row)));
  expect_values(column.grad(), {2, 1}, {60, 60});
  expect_values(row.grad(), {3}, {3, 3, 3});
}

TEST(KnownValues, Functions) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x = Tensor::of({3}, {-1, 0, 2}, DType::kFloat64);
  expect_values(neg(x), {3}, {1, 0, -2});
  expect_values(exp(x), {3}, {0.36787944117144233, 1, 7.38905609893065}, 1e-14);
  expect_values(tanh(x), {3}, {-0.7615941559557649, 0, 0.9640275800758169}, 1e-14);
  expect_values(sigmoid(x), {3}, {0.2689414213699951, 0.5, 0.8807970779778823}, 1e-14);
  expect_values(relu(x), {3}, {0, 0, 2});
  expect_values(silu(x), {3}, {-0.2689414213699951, 0, 1.7615941559557646}, 1e-14);
  expect_values(gelu(x, Gelu::kErf), {3}, {-0.15865525393145707, 0, 1.9544997361036416}, 1e-14);
  expect_values(gelu(x, Gelu::kTanh), {3}, {-0.15880800939172324, 0, 1.954597694087775}, 1e-14);
  expect_values(scale(x, -0.5), {3}, {0.5, 0, -1});
  expect_values(sqrt(Tensor::of({2}, {9, 0})), {2}, {3, 0});
  EXPECT_EQ(log(Tensor::scalar(0)).item(), -inf);
  EXPECT_TRUE(std::isnan(log(Tensor::scalar(-1)).item()));
  EXPECT_TRUE(std::isnan(relu(Tensor::scalar(std::nan(""))).item()));
}

TEST(KnownValues, ReluHasNoSlopeAtZero) {
  Tensor x = leaf({3}, {-1, 0, 2});
  Tape tape;
  tape.backward(sum(relu(x)));
  expect_values(x.grad(), {3}, {0, 0, 1});
}

TEST(KnownValues, Reductions) {
  const Tensor x = Tensor::of({2, 3}, {1, 5, 3, 4, 2, 6});
  expect_values(sum(x, 0), {3}, {5, 7, 9});
  expect_values(sum(x, 1), {2}, {9, 12});
  expect_values(sum(x, -1, true), {2, 1}, {9, 12});
  expect_values(mean(x, 0, true), {1, 3}, {2.5, 3.5, 4.5});
  expect_values(max(x, 1), {2}, {5, 6});
  expect_values(max(x, -2), {3}, {4, 5, 6});
  expect_values(sum(x), {}, {21});
  expect_values(mean(x), {}, {3.5});
  expect_values(max(x), {}, {6});
  expect_values(sum(Tensor::zeros({2, 0}), 1), {2}, {0, 0});
  expect_values(sum(Tensor::scalar(7)), {}, {7});
}

TEST(KnownValues, GradientOfMaxGoesToTheFirstOfEquals) {
  Tensor x = leaf({2, 3}, {2, 2, 1, 0, 3, 3});
  Tape tape;
  tape.backward(sum(max(x, 1)));
  expect_values(x.grad(), {2, 3}, {1, 0, 0, 0, 1, 0});
}

TEST(KnownValues, MaxKeepsNaN) { EXPECT_TRUE(std::isnan(max(Tensor::of({3}, {1, std::nan(""), 5})).item())); }

TEST(KnownValues, Matmul) {
  // 2x3 times 3x4
  Tensor a = leaf({2, 3}, {1, 2, 3, 4, 5, 6});
  Tensor b = leaf({3, 4}, {1, 0, 2, 1, 0, 1, 3, 1, 1, 1, 0, 1});
  Tape tape;
  const Tensor c = matmul(a, b);
  expect_values(c, {2, 4}, {4, 5, 8, 6, 10, 11, 23, 15});
  tape.backward(c, Tensor::of({2, 4}, {1, 0, 0, 0, 0, 0, 1, 0}));
  // dc is 1 at (0,0) and (1,2): row 0 of a multiplies column 0 of b, and row 1 of a multiplies column 2.
  expect_values(a.grad(), {2, 3}, {1, 0, 1, 2, 3, 0});
  expect_values(b.grad(), {3, 4}, {1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6, 0});
}

TEST(KnownValues, MatmulOfBatches) {
  const Tensor a = Tensor::of({2, 1, 2}, {1, 2, 3, 4});
  expect_values(matmul(a, Tensor::of({2, 1}, {10, 1})), {2, 1, 1}, {12, 34});
  expect_values(matmul(a, Tensor::of({2, 2, 1}, {10, 1, 1, 10})), {2, 1, 1}, {12, 43});
  expect_values(matmul(a, a, {.transpose_b = true, .scale = 0.5}), {2, 1, 1}, {2.5, 12.5});
  expect_values(matmul(Tensor::zeros({2, 0}), Tensor::zeros({0, 3})), {2, 3}, {0, 0, 0, 0, 0, 0});
}

TEST(KnownValues, Linear) {
  const Tensor x = Tensor::of({2, 2}, {1, 2, 3, 4}), w = Tensor::of({3, 2}, {1, 0, 0, 1, 1, 1});
  expect_values(linear(x, w), {2, 3}, {1, 2, 3, 3, 4, 7});
  expect_values(linear(x, w, Tensor::of({3}, {10, 20, 30})), {2, 3}, {11, 22, 33, 13, 24, 37});
}

TEST(KnownValues, Shapes) {
  const Tensor x = Tensor::of({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(reshape(x, {3, -1}).same_storage(x));
  expect_values(reshape(x, {3, -1}), {3, 2}, {1, 2, 3, 4, 5, 6});
  expect_values(transpose(x), {3, 2}, {1, 4, 2, 5, 3, 6});
  const Tensor y = Tensor::of({2, 1, 3}, {1, 2, 3, 4, 5, 6});
  expect_values(permute(y, {2, 0, 1}), {3, 2, 1}, {1, 4, 2, 5, 3, 6});
  expect_values(permute(y, {1, 0, -1}), {1, 2, 3}, {1, 2, 3, 4, 5, 6});
  expect_values(slice(x, 1, 1, 3), {2, 2}, {2, 3, 5, 6});
  expect_values(slice(x, 0, 1, 1), {0, 3}, {});
  expect_values(concat({x, Tensor::of({2, 1}, {7, 8})}, 1), {2, 4}, {1, 2, 3, 7, 4, 5, 6, 8});
  expect_values(concat({x, Tensor::of({1, 3}, {7, 8, 9})}, -2), {3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  expect_values(gather(x, 1, std::vector<std::int32_t>{2, 0, 2}), {2, 3}, {3, 1, 3, 6, 4, 6});
  expect_values(gather(x, 0, std::vector<std::int32_t>{1}), {1, 3}, {4, 5, 6});
}

TEST(KnownValues, GatherAddsRepeatsUp) {
  Tensor x = leaf({2, 3}, {1, 2, 3, 4, 5, 6});
  Tape tape;
  tape.backward(sum(gather(x, 1, std::vector<std::int32_t>{2, 0, 2})));
  expect_values(x.grad(), {2, 3}, {1, 0, 2, 1, 0, 2});
}

TEST(KnownValues, Softmax) {
  // e^-2, e^-1, 1 over their sum 1.5032147244080551
  const std::vector<double> expected{0.09003057317038046, 0.24472847105479764, 0.6652409557748219};
  expect_values(softmax(Tensor::of({3}, {1, 2, 3}, DType::kFloat64)), {3}, expected, 1e-15);
  expect_values(softmax(Tensor::of({3}, {1001, 1002, 1003})), {3}, expected, 1e-6);
  expect_values(log_softmax(Tensor::of({3}, {1, 2, 3}, DType::kFloat64)), {3},
                {-2.4076059644443806, -1.4076059644443804, -0.4076059644443804}, 1e-15);
  expect_values(masked_softmax(Tensor::of({2, 3}, {1, 9, 2, 1, 2, 3}, DType::kFloat64),
                               Tensor::of({2, 3}, {1, 0, 1, 0, 0, 0}, DType::kFloat64)),
                {2, 3}, {0.2689414213699951, 0, 0.7310585786300049, 0, 0, 0}, 1e-15);
  // The values of masked elements have no effect, even NaN.
  expect_values(masked_softmax(Tensor::of({3}, {0, std::nan(""), 0}), Tensor::of({3}, {1, 0, 1})), {3}, {0.5, 0, 0.5});
}

TEST(KnownValues, CrossEntropy) {
  Tensor logits = leaf({3, 3}, {1, 2, 3, 0, 0, 0, 5, 5, 5});
  Tape tape;
  const Tensor loss = cross_entropy(logits, std::vector<std::int32_t>{2, kIgnoredTarget, 0});
  EXPECT_NEAR(loss.item(), (0.4076059644443804 + std::log(3.0)) / 2, 1e-6);
  tape.backward(loss);
  expect_values(logits.grad(), {3, 3},
                {0.04501528658519, 0.1223642355274, -0.16737952211259, 0, 0, 0, -1.0 / 3, 1.0 / 6, 1.0 / 6});
}

TEST(KnownValues, CrossEntropyWithNothingToLearn) {
  Tensor logits = leaf({2, 2}, {1, 2, 3, 4});
  Tape tape;
  const Tensor loss = cross_entropy(logits, std::vector<std::int32_t>{kIgnoredTarget, kIgnoredTarget});
  EXPECT_EQ(loss.item(), 0);
  tape.backward(loss);
  expect_values(logits.grad(), {2, 2}, {0, 0, 0, 0}, 0);
}

TEST(KnownValues, Norms) {
  // mean 3, variance 5: 1, 2, 3, 6
  const double r = 1 / std::sqrt(3.5);
  const Tensor x = Tensor::of({4}, {1, 2, 3, 6}), one = Tensor::full({4}, 1);
  expect_values(layer_norm(x, one, Tensor::zeros({4}), 0), {4}, {-2 * r, -r, 0, 3 * r});
  expect_values(layer_norm(x, Tensor::of({4}, {1, 2, 3, 4}), one, 0), {4}, {1 - 2 * r, 1 - 2 * r, 1, 1 + 12 * r});
  // mean of squares 12.5
  const double s = 1 / std::sqrt(12.5);
  expect_values(rms_norm(x, Tensor::of({4}, {1, 1, 2, 1}), 0), {4}, {s, 2 * s, 6 * s, 6 * s});
  // eps is added to the variance: 3.5 + 0.5 = 4
  expect_values(layer_norm(x, one, Tensor::zeros({4}), 0.5), {4}, {-1, -0.5, 0, 1.5});
  expect_values(layer_norm(Tensor::full({4}, 3), one, one), {4}, {1, 1, 1, 1});
}

TEST(KnownValues, Rotate) {
  // D = 4: pairs (0,2) and (1,3), frequencies 1 and base^-1/2 = 0.1; positions 2 and 3.
  const Tensor x = Tensor::of({2, 4}, {1, 0, 0, 1, 1, 1, 0, 0}, DType::kFloat64);
  expect_values(rotate(x, 2, 100), {2, 4},
                {std::cos(2.0), -std::sin(0.2), std::sin(2.0), std::cos(0.2),  //
                 std::cos(3.0), std::cos(0.3), std::sin(3.0), std::sin(0.3)},
                1e-15);
  expect_values(rotate(Tensor::of({1, 4}, {1, 2, 3, 4})), {1, 4}, {1, 2, 3, 4});  // position 0 stays
}

TEST(KnownValues, Embedding) {
  Tensor table = leaf({3, 2}, {1, 2, 3, 4, 5, 6});
  Tape tape;
  const Tensor y = embedding(table, std::vector<std::int32_t>{2, 0, 2}, {3});
  expect_values(y, {3, 2}, {5, 6, 1, 2, 5, 6});
  tape.backward(sum(y));
  expect_values(table.grad(), {3, 2}, {1, 1, 0, 0, 2, 2});
}

// ---- dropout ----

TEST(Dropout, ZeroProbabilityIsTheIdentity) {
  Rng rng(1);
  const Tensor x = Tensor::normal({100}, 0, 1, rng);
  EXPECT_TRUE(same_bits(dropout(x, 0), x));
}

TEST(Dropout, KeepsTheExpectation) {
  seed_generator(5);
  for (const double p : {0.1, 0.5, 0.9}) {
    const Index n = 100000;
    const Tensor y = dropout(Tensor::full({n}, 1), p);
    Index zeros = 0;
    for (const double value : y.to_vector()) {
      if (value == 0) ++zeros;
      else ASSERT_NEAR(value, 1 / (1 - p), 1e-5);
    }
    // Six standard deviations of a binomial distribution.
    EXPECT_NEAR(static_cast<double>(zeros) / n, p, 6 * std::sqrt(p * (1 - p) / n));
  }
}

TEST(Dropout, GradientPassesWhereTheValueDid) {
  seed_generator(6);
  Tensor x = Tensor::full({40000}, 1);
  x.set_requires_grad(true);
  Tape tape;
  const Tensor y = dropout(x, 0.3);
  tape.backward(y, Tensor::full(y.shape(), 1));
  EXPECT_TRUE(same_bits(x.grad(), y));  // x and dy are ones: both are the mask
}

TEST(Dropout, EachCallDrawsAnotherMaskAndASeedRepeatsIt) {
  const Tensor x = Tensor::full({1000}, 1);
  seed_generator(7);
  const Tensor first = dropout(x, 0.5), second = dropout(x, 0.5);
  EXPECT_FALSE(same_bits(first, second));
  seed_generator(7);
  EXPECT_TRUE(same_bits(dropout(x, 0.5), first));
}

}  // namespace
}  // namespace headlight::tests
