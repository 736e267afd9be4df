// Tests that fused operations equal the same computation in separate steps: values and gradients, in float64 and
// float32.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>

#include "headlight/autograd/tape.h"
#include "headlight/base/random.h"
#include "headlight/ops/ops.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

void expect_equal(const Differentiable& fused, const Differentiable& composite, const std::vector<Tensor>& inputs,
                  const std::string& where = "") {
  for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
    const std::vector<Tensor> numbers = inputs_in({inputs, nullptr}, dtype);
    EXPECT_TRUE(near(evaluate(fused, numbers), evaluate(composite, numbers), dtype == DType::kFloat64 ? 1e-12 : 1e-5))
        << where << " " << to_text(dtype) << ", shapes " << shapes_text(inputs);
  }
}

// ---- attention ----

struct AttentionSetting {
  const char* name;
  Index t, s;
  bool causal = false, masked = false, biased = false, blind_rows = false;
};
void PrintTo(const AttentionSetting& setting, std::ostream* out) { *out << setting.name; }

class FusedAttention : public ::testing::TestWithParam<AttentionSetting> {};

TEST_P(FusedAttention, EqualsItsComposite) {
  const AttentionSetting& at = GetParam();
  Rng rng(11);
  // Each way a mask and a bias may broadcast to [B,H,T,S].
  const std::vector<Shape> extras{{2, 3, at.t, at.s}, {at.t, at.s}, {2, 1, 1, at.s}, {3, 1, 1}, {at.t, 1}, {}};
  for (const Shape& extra : extras) {
    std::vector<Tensor> inputs{draw_values(rng, {2, 3, at.t, 5}), draw_values(rng, {2, 3, at.s, 5}),
                               draw_values(rng, {2, 3, at.s, 4})};
    if (at.biased) inputs.push_back(draw_values(rng, extra));
    Tensor mask;
    if (at.masked) mask = draw_mask(rng, extra, 0.5);
    if (at.blind_rows) mask = draw_mask(rng, {at.t, 1}, 0.5);
    const auto call = [&](auto operation) {
      return [&, operation](Inputs in) {
        AttentionOptions o;
        o.causal = at.causal;
        if (mask.defined()) o.mask = mask.to(in[0].dtype());
        if (at.biased) o.bias = in[3];
        return operation(in[0], in[1], in[2], o, nullptr);
      };
    };
    expect_equal(call(attention), call(attention_composite), inputs, to_text(extra));

    AttentionOptions o{at.causal, 0.3, mask, at.biased ? inputs[3] : Tensor()};
    Tensor fused_weights, composite_weights;
    attention(inputs[0], inputs[1], inputs[2], o, &fused_weights);
    attention_composite(inputs[0], inputs[1], inputs[2], o, &composite_weights);
    EXPECT_EQ(to_text(fused_weights.shape()), to_text(Shape{2, 3, at.t, at.s}));
    EXPECT_LT(distance(fused_weights, composite_weights), 1e-12);
    EXPECT_FALSE(fused_weights.requires_grad());
  }
}

INSTANTIATE_TEST_SUITE_P(Settings, FusedAttention,
                         ::testing::Values(AttentionSetting{"plain", 6, 6}, AttentionSetting{"more_keys", 3, 7},
                                           AttentionSetting{"more_queries", 7, 3},
                                           AttentionSetting{"causal", 6, 6, true},
                                           AttentionSetting{"causal_one_query", 1, 6, true},
                                           AttentionSetting{"causal_more_keys", 4, 7, true},
                                           AttentionSetting{"masked", 5, 6, false, true},
                                           AttentionSetting{"biased", 5, 6, false, false, true},
                                           AttentionSetting{"all", 5, 6, true, true, true},
                                           AttentionSetting{"blind_rows", 6, 6, false, false, false, true},
                                           AttentionSetting{"causal_blind_rows", 6, 6, true, false, true, true}),
                         [](const auto& one) { return one.param.name; });

TEST(Attention, ScaleDefaultsToTheRootOfTheHeadSize) {
  Rng rng(2);
  const Tensor q = draw_values(rng, {1, 2, 3, 4}), k = draw_values(rng, {1, 2, 5, 4}),
               v = draw_values(rng, {1, 2, 5, 4});
  AttentionOptions half;
  half.scale = 0.5;
  EXPECT_TRUE(same_bits(attention(q, k, v), attention(q, k, v, half)));
}

TEST(Attention, CausalQuerySeesThePastAlone) {
  Rng rng(3);
  const Tensor q = draw_values(rng, {1, 1, 3, 4}), k = draw_values(rng, {1, 1, 5, 4}),
               v = draw_values(rng, {1, 1, 5, 4});
  AttentionOptions causal;
  causal.causal = true;
  Tensor weights;
  attention(q, k, v, causal, &weights);
  for (Index t = 0; t < 3; ++t) {
    double sum = 0;
    for (Index s = 0; s < 5; ++s) {
      const double weight = weights.at({0, 0, t, s});
      sum += weight;
      if (s <= t + 2) EXPECT_GT(weight, 0) << t << " " << s;
      else EXPECT_EQ(weight, 0) << t << " " << s;
    }
    EXPECT_NEAR(sum, 1, 1e-12);
  }
}

TEST(Attention, QueryThatSeesNothingGetsZeros) {
  Rng rng(4);
  std::vector<Tensor> inputs{draw_values(rng, {1, 1, 2, 4}), draw_values(rng, {1, 1, 3, 4}),
                             draw_values(rng, {1, 1, 3, 4})};
  AttentionOptions o;
  o.mask = Tensor::of({2, 1}, {0, 1}, DType::kFloat64);
  for (const auto operation : {attention, attention_composite}) {
    const Outcome outcome = evaluate([&](Inputs in) { return operation(in[0], in[1], in[2], o, nullptr); }, inputs);
    for (Index i = 0; i < 4; ++i) {
      EXPECT_EQ(outcome.value.at({0, 0, 0, i}), 0);
      EXPECT_EQ(outcome.gradients[0].at({0, 0, 0, i}), 0);
    }
    EXPECT_NE(outcome.value.at({0, 0, 1, 0}), 0);
    for (const Tensor& gradient : outcome.gradients) EXPECT_TRUE(all_finite(gradient));
  }
}

// Several tiles in each direction, the last of each a part, and head sizes that are whole vectors or not. The bias is a
// constant: with a gradient of its own it would take the composite form.
TEST(Attention, TilesEqualTheComposite) {
  for (const auto& [t, s, d, e] : {std::array<Index, 4>{130, 530, 16, 24}, std::array<Index, 4>{101, 257, 5, 8},
                                   std::array<Index, 4>{49, 49, 8, 3}, std::array<Index, 4>{300, 300, 32, 32}}) {
    Rng rng(17);
    const std::vector<Tensor> inputs{draw_values(rng, {1, 2, t, d}), draw_values(rng, {1, 2, s, d}),
                                     draw_values(rng, {1, 2, s, e})};
    const Tensor bias = draw_values(rng, {2, t, s}), mask = draw_mask(rng, {1, 1, t, s}, 0.7);
    for (const bool causal : {false, true})
      for (const bool biased : {false, true})
        for (const bool masked : {false, true})
          for (const double dropout : {0.0, 0.3}) {
            const auto call = [&](auto operation) {
              return [&, operation](Inputs in) {
                AttentionOptions o{.causal = causal, .scale = 1.5, .mask = {}, .bias = {}, .dropout = dropout};
                if (masked) o.mask = mask.to(in[0].dtype());
                if (biased) o.bias = bias.to(in[0].dtype());
                seed_generator(5);  // the same elements are dropped
                return operation(in[0], in[1], in[2], o, nullptr);
              };
            };
            expect_equal(call(attention), call(attention_composite), inputs,
                         cat(causal ? "causal " : "", biased ? "biased " : "", masked ? "masked " : "", dropout));
          }
  }
}

TEST(Attention, PackedReadsWhatSplittingWouldGive) {
  for (const Index d : {3, 8, 20}) {
    Rng rng(18);
    const Index b = 2, t = 70, h = 3;
    const Tensor bias = draw_values(rng, {h, t, t}), mask = draw_mask(rng, {b, 1, 1, t}, 0.8);
    const auto options = [&](DType dtype) {
      AttentionOptions o{.causal = true, .scale = 0, .mask = mask.to(dtype), .bias = bias.to(dtype), .dropout = 0.2};
      seed_generator(6);
      return o;
    };
    expect_equal([&](Inputs in) { return attention_packed(in[0], h, options(in[0].dtype())); },
                 [&](Inputs in) {
                   const auto part = [&](Index i) {
                     const Tensor columns = slice(in[0], 2, i * h * d, (i + 1) * h * d);
                     return permute(reshape(columns, {b, t, h, d}), {0, 2, 1, 3});
                   };
                   const Tensor q = part(0), k = part(1), v = part(2);
                   const Tensor z = attention_composite(q, k, v, options(in[0].dtype()));
                   return reshape(permute(z, {0, 2, 1, 3}), {b, t, h * d});
                 },
                 {draw_values(rng, {b, t, 3 * h * d})}, cat("head size ", d));
  }
}

// The T x T weights would be 16 times as much for four times the length.
TEST(Attention, MemoryGrowsLinearlyWithTheLength) {
  const auto peak = [](Index t) {
    pool_trim();
    Rng rng(19);
    Tensor qkv = Tensor::normal({1, t, 3 * 2 * 16}, 0, 1, rng, DType::kFloat32);
    qkv.set_requires_grad(true);
    const Index before = pool_stats().bytes_in_use;
    pool_reset_peak();
    Tape tape;
    AttentionOptions causal;
    causal.causal = true;
    tape.backward(sum(attention_packed(qkv, 2, causal)));
    return static_cast<double>(pool_stats().bytes_peak - before);
  };
  EXPECT_LT(peak(2048), 4.5 * peak(512));
}

// ---- the others ----

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
  // Where each counted target stands in the flattened log probabilities.
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

// As in a residual stream: a gradient of x is there already when the norm's own comes.
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
          const Tensor other = scale(i[0], 1);  // the norm's gradient is collected by itself
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
