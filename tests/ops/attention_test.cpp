// Tests that attention in tiles, and linear attention in chunks, equal their quadratic forms: values and gradients, in
// float64 and float32.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/base/random.h"
#include "headlight/ops/ops.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

struct AttentionSetting {
  const char* name;
  Index t, s;
  bool causal = false, masked = false, biased = false, blind_rows = false;
  Index window = 0, shift = 0;
  double softcap = 0;
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
        o.window = at.window;
        o.shift = at.shift;
        o.softcap = at.softcap;
        if (mask.defined()) o.mask = mask.to(in[0].dtype());
        if (at.biased) o.bias = in[3];
        return operation(in[0], in[1], in[2], o, nullptr);
      };
    };
    expect_equal(call(attention), call(attention_composite), inputs, to_text(extra));

    AttentionOptions o{at.causal, 0.3, mask, at.biased ? inputs[3] : Tensor(), 0, at.window, at.shift, at.softcap};
    Tensor fused_weights, composite_weights;
    attention(inputs[0], inputs[1], inputs[2], o, &fused_weights);
    attention_composite(inputs[0], inputs[1], inputs[2], o, &composite_weights);
    EXPECT_EQ(to_text(fused_weights.shape()), to_text(Shape{2, 3, at.t, at.s}));
    EXPECT_LT(distance(fused_weights, composite_weights), 1e-12);
    EXPECT_FALSE(fused_weights.requires_grad());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Settings, FusedAttention,
    ::testing::Values(
        AttentionSetting{"plain", 6, 6}, AttentionSetting{"more_keys", 3, 7}, AttentionSetting{"more_queries", 7, 3},
        AttentionSetting{"causal", 6, 6, true}, AttentionSetting{"causal_one_query", 1, 6, true},
        AttentionSetting{"causal_more_keys", 4, 7, true}, AttentionSetting{"masked", 5, 6, false, true},
        AttentionSetting{"biased", 5, 6, false, false, true}, AttentionSetting{"all", 5, 6, true, true, true},
        AttentionSetting{"window", 6, 6, true, false, false, false, 2},
        AttentionSetting{"window_more_keys", 4, 7, true, true, true, false, 3},
        AttentionSetting{"blind_rows", 6, 6, false, false, false, true},
        AttentionSetting{.name = "capped", .t = 5, .s = 6, .softcap = 0.7},
        AttentionSetting{"capped_all", 5, 6, true, true, true, false, 3, 1, 0.7},
        AttentionSetting{.name = "first_key", .t = 4, .s = 7, .causal = true, .shift = -3},
        AttentionSetting{.name = "first_key_fewer_keys", .t = 7, .s = 4, .causal = true, .shift = 3},
        AttentionSetting{.name = "shift_past_the_end", .t = 4, .s = 4, .causal = true, .window = 2, .shift = 3},
        AttentionSetting{.name = "shift_blind", .t = 6, .s = 6, .causal = true, .biased = true, .shift = -2},
        AttentionSetting{.name = "shift_all_blind", .t = 6, .s = 6, .causal = true, .shift = -9},
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

// Several tiles in each direction, the last one partial; head sizes that are multiples of the vector size and others.
// The bias is a constant, because a bias with a gradient would select the composite form.
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
          for (const Index window : {0, 1, 37, 100})
            for (const double dropout : {0.0, 0.3}) {
              if (window > 0 && !causal) continue;
              const auto call = [&](auto operation) {
                return [&, operation](Inputs in) {
                  AttentionOptions o{
                      .causal = causal, .scale = 1.5, .mask = {}, .bias = {}, .dropout = dropout, .window = window};
                  if (masked) o.mask = mask.to(in[0].dtype());
                  if (biased) o.bias = bias.to(in[0].dtype());
                  seed_generator(5);  // the same elements are dropped
                  return operation(in[0], in[1], in[2], o, nullptr);
                };
              };
              expect_equal(
                  call(attention), call(attention_composite), inputs,
                  cat(causal ? "causal " : "", biased ? "biased " : "", masked ? "masked " : "", dropout, " ", window));
            }
  }
}

TEST(Attention, ShiftedAndCappedTilesEqualTheComposite) {
  for (const auto& [t, s] : {std::array<Index, 2>{130, 530}, std::array<Index, 2>{300, 100}}) {
    Rng rng(19);
    const std::vector<Tensor> inputs{draw_values(rng, {1, 2, t, 8}), draw_values(rng, {1, 1, s, 8}),
                                     draw_values(rng, {1, 1, s, 5})};
    for (const Index shift : {Index{-270}, Index{-60}, t - s, Index{1}, Index{90}, Index{700}})
      for (const Index window : {0, 37, 280})
        for (const double softcap : {0.0, 0.8}) {
          const auto call = [&](auto operation) {
            return [&, operation](Inputs in) {
              AttentionOptions o;
              o.causal = true;
              o.window = window;
              o.shift = shift;
              o.softcap = softcap;
              return operation(in[0], in[1], in[2], o, nullptr);
            };
          };
          expect_equal(call(attention), call(attention_composite), inputs,
                       cat(t, " ", shift, " ", window, " ", softcap));
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

// Grouped queries equal heads with copies of the shared keys and values.
TEST(Attention, GroupsShareKeysAndValues) {
  for (const auto& [h, g] : {std::array<Index, 2>{6, 2}, std::array<Index, 2>{4, 1}, std::array<Index, 2>{3, 3}})
    for (const Index window : {0, 20}) {
      Rng rng(20);
      const Index t = 101, d = 8;
      std::vector<std::int32_t> copies;
      for (Index i = 0; i < h; ++i) copies.push_back(static_cast<std::int32_t>(i / (h / g)));
      AttentionOptions o;
      o.causal = true;
      o.window = window;
      const std::vector<Tensor> inputs{draw_values(rng, {2, h, t, d}), draw_values(rng, {2, g, t, d}),
                                       draw_values(rng, {2, g, t, d})};
      for (const auto operation : {attention, attention_composite})
        expect_equal([&](Inputs in) { return operation(in[0], in[1], in[2], o, nullptr); },
                     [&](Inputs in) {
                       return attention_composite(in[0], gather(in[1], 1, copies), gather(in[2], 1, copies), o);
                     },
                     inputs, cat(h, " heads, ", g, " key heads, window ", window));
      expect_equal(
          [&](Inputs in) { return linear_attention(in[0], in[1], in[2]); },
          [&](Inputs in) { return linear_attention(in[0], gather(in[1], 1, copies), gather(in[2], 1, copies)); },
          inputs, cat(h, " heads, ", g, " key heads, linear"));
    }
}

TEST(LinearAttention, ChunksEqualTheQuadraticForm) {
  for (const Index t : {1, 63, 64, 65, 200, 300}) {
    Rng rng(21);
    std::vector<double> lower;
    for (Index i = 0; i < t; ++i)
      for (Index j = 0; j < t; ++j) lower.push_back(j <= i ? 1 : 0);
    const auto phi = [](const Tensor& x) { return add(exp(neg(relu(neg(x)))), relu(x)); };
    const auto weights = [&](Inputs in) {
      const Tensor products = mul(matmul(phi(in[0]), transpose(phi(in[1]))), Tensor::of({t, t}, lower, in[0].dtype()));
      return div(products, sum(products, -1, true));  // [B,H,T,T]
    };
    const std::vector<Tensor> inputs{draw_values(rng, {2, 3, t, 8}), draw_values(rng, {2, 3, t, 8}),
                                     draw_values(rng, {2, 3, t, 5})};
    expect_equal([](Inputs in) { return linear_attention(in[0], in[1], in[2]); },
                 [&](Inputs in) { return matmul(weights(in), in[2]); }, inputs, cat("T ", t));
    Tensor given;
    linear_attention(inputs[0], inputs[1], inputs[2], &given);
    EXPECT_LT(distance(given, weights(inputs)), 1e-12);
  }
}

// Where every product of features underflows, the output and the gradients are 0.
TEST(LinearAttention, VanishingDenominatorsGiveZeros) {
  for (const float low : {-30.0f, -50.0f, -200.0f}) {
    const std::vector<Tensor> inputs{Tensor::full({1, 1, 70, 4}, low, DType::kFloat32),
                                     Tensor::full({1, 1, 70, 4}, low, DType::kFloat32),
                                     Tensor::full({1, 1, 70, 3}, 2, DType::kFloat32)};
    const Outcome outcome = evaluate([](Inputs in) { return linear_attention(in[0], in[1], in[2]); }, inputs);
    EXPECT_EQ(outcome.value.at({0, 0, 69, 1}), 0) << low;
    for (const Tensor& gradient : outcome.gradients) EXPECT_TRUE(all_finite(gradient)) << low;
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

}  // namespace
}  // namespace headlight::tests
