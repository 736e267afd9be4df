// Tests that fused operations equal the same computation in separate steps: values and gradients, in float64 and
// float32.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "headlight/autograd/tape.h"
#include "headlight/base/random.h"
#include "headlight/ops/ops.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

TEST(Fused, LinearIsMatmulAndAdd) {
  Rng rng(5);
  for (const Shape& x : {Shape{3}, Shape{7, 3}, Shape{2, 4, 3}, Shape{2, 2, 2, 3}, Shape{0, 3}}) {
    const std::vector<Tensor> inputs{draw_values(rng, x), draw_values(rng, {5, 3}), draw_values(rng, {5})};
    expect_equal([](Inputs in) { return linear(in[0], in[1], in[2]); },
                 [](Inputs in) {
                   const Tensor rows = reshape(in[0], Shape{in[0].shape().outer(-1), 3});
                   const Tensor y = add(matmul(rows, transpose(in[1])), in[2]);
                   return reshape(y, in[0].shape().with(-1, 5));
                 },
                 inputs);
  }
}

TEST(Fused, AnAddendHasTheBitsOfTheSumAfterwards) {
  Rng rng(7);
  for (const Index in : {3, 900}) {
    const std::vector<Tensor> inputs{draw_values(rng, {2, 40, in}), draw_values(rng, {37, in}), draw_values(rng, {37}),
                                     draw_values(rng, {2, 40, 37})};
    const Differentiable fused = [](Inputs i) { return linear(i[0], i[1], i[2], i[3]); };
    const Differentiable composite = [](Inputs i) { return add(i[3], linear(i[0], i[1], i[2])); };
    for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
      const std::vector<Tensor> numbers = inputs_in({inputs, nullptr}, dtype);
      EXPECT_TRUE(near(evaluate(fused, numbers), evaluate(composite, numbers), 0)) << to_text(dtype) << " " << in;
    }
  }
}

TEST(Fused, TransposeFlagsOfMatmulAreTransposes) {
  Rng rng(6);
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      const std::vector<Tensor> inputs{draw_values(rng, ta ? Shape{2, 1, 4, 3} : Shape{2, 1, 3, 4}),
                                       draw_values(rng, tb ? Shape{5, 6, 4} : Shape{5, 4, 6})};
      expect_equal(
          [=](Inputs in) {
            return matmul(in[0], in[1], {ta, tb, 0.25});
          },
          [=](Inputs in) { return scale(matmul(ta ? transpose(in[0]) : in[0], tb ? transpose(in[1]) : in[1]), 0.25); },
          inputs);
    }
  }
}

TEST(Fused, CrossEntropyIsTheMeanOfPickedLogSoftmax) {
  Rng rng(7);
  const std::vector<std::int32_t> targets{3, 0, kIgnoredTarget, 5, 5, kIgnoredTarget};
  // The index of each counted target in the flattened log-probabilities.
  const std::vector<std::int32_t> places{3, 6, 3 * 6 + 5, 4 * 6 + 5};
  expect_equal([&](Inputs in) { return cross_entropy(in[0], targets); },
               [&](Inputs in) { return neg(mean(gather(reshape(log_softmax(in[0]), {-1}), 0, places))); },
               {draw_values(rng, {2, 3, 6}, -5, 5)});
}

TEST(Fused, LogSoftmaxIsTheLogOfSoftmax) {
  Rng rng(8);
  expect_equal([](Inputs in) { return log_softmax(in[0]); }, [](Inputs in) { return log(softmax(in[0])); },
               {draw_values(rng, {4, 7})});
}

TEST(Fused, SoftmaxIsExponentialsOverTheirSum) {
  Rng rng(9);
  expect_equal([](Inputs in) { return softmax(in[0]); },
               [](Inputs in) { return div(exp(in[0]), sum(exp(in[0]), -1, true)); }, {draw_values(rng, {3, 4, 5})});
}

TEST(Fused, LayerNormIsItsFormula) {
  Rng rng(10);
  for (const Shape& shape : {Shape{8}, Shape{5, 8}, Shape{2, 300, 3}})
    expect_equal([](Inputs in) { return layer_norm(in[0], in[1], in[2], 1e-3); },
                 [](Inputs in) {
                   const Tensor centered = sub(in[0], mean(in[0], -1, true));
                   const Tensor variance = mean(mul(centered, centered), -1, true);
                   const Tensor eps = Tensor::scalar(1e-3, in[0].dtype());
                   return add(mul(in[1], div(centered, sqrt(add(variance, eps)))), in[2]);
                 },
                 {draw_values(rng, shape), draw_values(rng, {shape[-1]}), draw_values(rng, {shape[-1]})});
}

// As in a residual stream, x already has a gradient when the norm adds its own.
TEST(Fused, NormsAddToTheGradientOfTheirInput) {
  Rng rng(15);
  for (const Shape& shape : {Shape{5, 8}, Shape{2, 300, 3}}) {
    const std::vector<Tensor> in = {draw_values(rng, shape), draw_values(rng, {shape[-1]}),
                                    draw_values(rng, {shape[-1]})};
    const auto twice = [](const Tensor& x) { return add(x, scale(x, 2)); };
    expect_equal(
        [](Inputs i) {
          const Tensor y = layer_norm(i[0], i[1], i[2]);  // recorded first, so its gradient comes last
          return add(y, scale(i[0], 3));
        },
        [&](Inputs i) {
          const Tensor other = scale(i[0], 1);  // collects the norm's gradient separately
          return add(layer_norm(other, i[1], i[2]), twice(i[0]));
        },
        in);
    expect_equal(
        [](Inputs i) {
          const Tensor y = rms_norm(i[0], i[1]);
          return add(y, scale(i[0], 3));
        },
        [&](Inputs i) {
          const Tensor other = scale(i[0], 1);
          return add(rms_norm(other, i[1]), twice(i[0]));
        },
        {in[0], in[1]});
  }
}

TEST(Fused, RmsNormIsItsFormula) {
  Rng rng(11);
  for (const Shape& shape : {Shape{8}, Shape{5, 8}, Shape{2, 300, 3}})
    expect_equal([](Inputs in) { return rms_norm(in[0], in[1], 1e-3); },
                 [](Inputs in) {
                   const Tensor squares = mean(mul(in[0], in[0]), -1, true);
                   return mul(in[1], div(in[0], sqrt(add(squares, Tensor::scalar(1e-3, in[0].dtype())))));
                 },
                 {draw_values(rng, shape), draw_values(rng, {shape[-1]})});
}

TEST(Fused, GeluTanhIsItsFormula) {
  Rng rng(12);
  expect_equal([](Inputs in) { return gelu(in[0]); },
               [](Inputs in) {
                 const Tensor& x = in[0];
                 const Tensor cubic = add(x, scale(mul(x, mul(x, x)), 0.044715));
                 const Tensor one = Tensor::scalar(1, x.dtype());
                 return scale(mul(x, add(one, tanh(scale(cubic, std::sqrt(2 / std::numbers::pi))))), 0.5);
               },
               {draw_values(rng, {200}, -4, 4)});
}

TEST(Fused, GeluErfIsItsFormulaAndNearTheOtherForm) {
  const Index n = 2001;
  Tensor x = Tensor::empty({n}, DType::kFloat64);
  for (Index i = 0; i < n; ++i) x.data<double>()[i] = static_cast<double>(i - n / 2) / 200;
  const Tensor by_erf = gelu(x, Gelu::kErf), by_tanh = gelu(x, Gelu::kTanh);
  double apart = 0;
  for (Index i = 0; i < n; ++i) {
    const double at = x.at({i});
    EXPECT_NEAR(by_erf.at({i}), 0.5 * at * (1 + std::erf(at / std::sqrt(2.0))), 1e-14);
    apart = std::max(apart, std::abs(by_erf.at({i}) - by_tanh.at({i})));
  }
  EXPECT_LT(apart, 5e-4);
  EXPECT_GT(apart, 4e-4);
}

TEST(Fused, SiluIsXTimesSigmoid) {
  Rng rng(13);
  expect_equal([](Inputs in) { return silu(in[0]); }, [](Inputs in) { return mul(in[0], sigmoid(in[0])); },
               {draw_values(rng, {50}, -6, 6)});
}

TEST(Fused, EmbeddingIsGatherAlongTheFirstAxis) {
  Rng rng(14);
  const std::vector<std::int32_t> ids{4, 0, 4, 1, 4, 2};
  expect_equal(
      [&](Inputs in) {
        return embedding(in[0], ids, {2, 3});
      },
      [&](Inputs in) {
        return reshape(gather(in[0], 0, ids), {2, 3, -1});
      },
      {draw_values(rng, {5, 70})});
}

TEST(Fused, MeanIsSumOverSize) {
  Rng rng(15);
  expect_equal([](Inputs in) { return mean(in[0], 1); }, [](Inputs in) { return scale(sum(in[0], 1), 1.0 / 3); },
               {draw_values(rng, {2, 3, 4})});
}

}  // namespace
}  // namespace headlight::tests
