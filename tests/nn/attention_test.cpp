// Tests of multi-head attention: masks, the results of each head, and gradients.
#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "headlight/autograd/tape.h"
#include "headlight/nn/self_attention.h"
#include "nn/layers.h"

namespace headlight::tests {
namespace {

constexpr Index kBatch = 2, kTime = 5, kWidth = 6, kHeads = 3;

// Keeps the weights of the attention layer that ran last.
struct SeeWeights : Hook {
  Tensor weights;
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind == HookSite::Kind::kAttentionWeights) weights = x;
    return x;
  }
};

// y = MHA(x) by loops over single numbers, in double; `context` is x in self-attention. seen(b, h, t, s) says whether
// query t of head h in sequence b attends to key s.
template <class Seen>
std::vector<double> plain(const MultiHeadAttention& layer, const Tensor& x, const Tensor& context, const Seen& seen,
                          std::vector<double>* weights_out = nullptr) {
  const Index heads = layer.heads(), d = layer.head_size(), width = x.size(2);
  const Tensor &w = layer.qkv->weight, &w_out = layer.out->weight;
  const auto project = [&](const Tensor& from, Index b, Index t, Index row) {
    double sum = layer.qkv->bias ? layer.qkv->bias->value().at({row}) : 0;
    for (Index c = 0; c < width; ++c) sum += w.at({row, c}) * from.at({b, t, c});
    return sum;
  };
  std::vector<double> y;
  for (Index b = 0; b < x.size(0); ++b) {
    for (Index t = 0; t < x.size(1); ++t) {
      std::vector<double> z;
      for (Index h = 0; h < heads; ++h) {
        std::vector<double> weight;
        double total = 0;
        for (Index s = 0; s < context.size(1); ++s) {
          double score = 0;
          for (Index i = 0; i < d; ++i)
            score += project(x, b, t, h * d + i) * project(context, b, s, (heads + h) * d + i);
          weight.push_back(seen(b, h, t, s) ? std::exp(score / std::sqrt(static_cast<double>(d))) : 0);
          total += weight.back();
        }
        for (double& one : weight) one = total > 0 ? one / total : 0;
        if (weights_out) weights_out->insert(weights_out->end(), weight.begin(), weight.end());
        for (Index i = 0; i < d; ++i) {
          double sum = 0;
          for (Index s = 0; s < context.size(1); ++s)
            sum += weight[static_cast<std::size_t>(s)] * project(context, b, s, (2 * heads + h) * d + i);
          z.push_back(sum);
        }
      }
      for (Index c = 0; c < width; ++c) {
        double sum = layer.out->bias ? layer.out->bias->value().at({c}) : 0;
        for (std::size_t i = 0; i < z.size(); ++i) sum += w_out.at({c, static_cast<Index>(i)}) * z[i];
        y.push_back(sum);
      }
    }
  }
  return y;
}

// Masks of each kind, with the rule that each mask expresses.
struct MaskCase {
  const char* name;
  AttentionMask mask;
  std::function<bool(Index b, Index h, Index t, Index s)> seen;
};

std::vector<MaskCase> mask_cases(Index queries, Index keys, bool self) {
  std::vector<MaskCase> cases;
  cases.push_back({"none", AttentionMask::none(), [](Index, Index, Index, Index) { return true; }});
  const std::vector<Index> lengths = {3, 0};  // the second sequence is all padding
  const auto within = [lengths](Index b, Index s) { return s < lengths[static_cast<std::size_t>(b)]; };
  cases.push_back(
      {"padding", AttentionMask::padding(lengths, keys), [=](Index b, Index, Index, Index s) { return within(b, s); }});
  if (self) {
    cases.push_back({"causal", AttentionMask::causal_only(), [](Index, Index, Index t, Index s) { return s <= t; }});
    cases.push_back({"causal and padding", AttentionMask::padding(lengths, keys, true),
                     [=](Index b, Index, Index t, Index s) { return s <= t && within(b, s); }});
  }
  Rng rng(11);
  std::vector<double> allowed;
  for (Index i = 0; i < kBatch * kHeads * queries * keys; ++i) allowed.push_back(rng.below(2) ? 1 : 0);
  for (Index s = 0; s < keys; ++s) allowed[static_cast<std::size_t>(2 * keys + s)] = 0;  // a query without visible keys
  cases.push_back({"arbitrary",
                   {.causal = false, .allowed = Tensor::of({kBatch, kHeads, queries, keys}, allowed)},
                   [=](Index b, Index h, Index t, Index s) {
                     return allowed[static_cast<std::size_t>(((b * kHeads + h) * queries + t) * keys + s)] != 0;
                   }});
  std::vector<double> shared;
  for (Index i = 0; i < queries * keys; ++i) shared.push_back(i % 3 ? 1 : 0);
  cases.push_back(
      {"shared by batch and heads",
       {.causal = false, .allowed = Tensor::of({queries, keys}, shared)},
       [=](Index, Index, Index t, Index s) { return shared[static_cast<std::size_t>(t * keys + s)] != 0; }});
  return cases;
}

class Attention : public ::testing::Test {
 protected:
  Attention() { randomize(layer_, 1); }

  void check(const MaskCase& one, const Tensor& x, const Tensor* context) {
    SCOPED_TRACE(one.name);
    SeeWeights hook;
    const Tensor y = context ? layer_.cross(x, *context, one.mask) : layer_(x, one.mask);
    std::vector<double> weights;
    const std::vector<double> right = plain(layer_, x, context ? *context : x, one.seen, &weights);
    EXPECT_LT(distance(y, Tensor::of(x.shape(), right)), 1e-13);
    // The loops give weights in the order [B,T,H,S].
    const Index keys = context ? context->size(1) : x.size(1);
    const Tensor expected = permute(Tensor::of({kBatch, x.size(1), kHeads, keys}, weights), {0, 2, 1, 3});
    ASSERT_EQ(to_text(hook.weights.shape()), to_text(expected.shape()));
    EXPECT_LT(distance(hook.weights, expected), 1e-14);
    for (Index b = 0; b < kBatch; ++b)
      for (Index h = 0; h < kHeads; ++h)
        for (Index t = 0; t < x.size(1); ++t) {
          double sum = 0;
          bool any = false;
          for (Index s = 0; s < keys; ++s) {
            const double a = hook.weights.at({b, h, t, s});
            sum += a;
            any = any || one.seen(b, h, t, s);
            EXPECT_EQ(a > 0, one.seen(b, h, t, s)) << b << ' ' << h << ' ' << t << ' ' << s;
            EXPECT_GE(a, 0);
          }
          EXPECT_NEAR(sum, any ? 1 : 0, 1e-14);
        }
  }

  DTypeScope doubles_{DType::kFloat64};
  MultiHeadAttention layer_{kWidth, kHeads};
  Tensor x_ = random_tensor({kBatch, kTime, kWidth}, 2, DType::kFloat64);
  Tensor context_ = random_tensor({kBatch, 7, kWidth}, 3, DType::kFloat64);
};

TEST_F(Attention, SelfAttentionAgreesWithPlainLoopsUnderEveryMask) {
  for (const MaskCase& one : mask_cases(kTime, kTime, true)) check(one, x_, nullptr);
}

TEST_F(Attention, CrossAttentionAgreesWithPlainLoopsUnderEveryMask) {
  for (const MaskCase& one : mask_cases(kTime, 7, false)) check(one, x_, &context_);
}

TEST_F(Attention, CrossAttentionToItselfIsSelfAttention) {
  for (const MaskCase& one : mask_cases(kTime, kTime, true))
    EXPECT_LT(distance(layer_.cross(x_, x_, one.mask), layer_(x_, one.mask)), 1e-14) << one.name;
}

TEST_F(Attention, GradientsAreRightUnderEveryMask) {
  for (const MaskCase& one : mask_cases(kTime, kTime, true))
    EXPECT_TRUE(gradients_are_right(layer_, [&](std::span<const Tensor> in) { return layer_(in[0], one.mask); }, {x_}))
        << one.name;
  for (const MaskCase& one : mask_cases(kTime, 7, false))
    EXPECT_TRUE(gradients_are_right(
        layer_, [&](std::span<const Tensor> in) { return layer_.cross(in[0], in[1], one.mask); }, {x_, context_}))
        << one.name;
}

TEST_F(Attention, GradientsAreRightWithDropoutAndWithoutBias) {
  const MultiHeadAttention layer(kWidth, 2,
                                 {.head_size = 4, .dropout = 0.3, .in = {.bias = false}, .out = {.bias = false}});
  EXPECT_EQ(walk_text(layer), "qkv.weight [24,6], out.weight [6,8]");  // head_size 4 instead of C / H
  randomize(layer, 4);
  const auto f = [&](std::span<const Tensor> in) { return layer(in[0], AttentionMask::causal_only()); };
  EXPECT_TRUE(gradients_are_right(layer, f, {x_}));
}

// For a query without visible keys the heads output zeros, so the layer's output is the output projection's bias.
TEST_F(Attention, AQueryThatSeesNothingGetsZeros) {
  const Tensor nothing = Tensor::zeros({kBatch, 1, 1, kTime});
  const Tensor y = layer_(x_, {.causal = false, .allowed = nothing});
  for (Index b = 0; b < kBatch; ++b)
    for (Index t = 0; t < kTime; ++t)
      for (Index c = 0; c < kWidth; ++c) EXPECT_EQ(y.at({b, t, c}), layer_.out->bias->value().at({c}));
}

// Without mask and positions, attention treats its input as a set: f(Px) = P f(x).
TEST_F(Attention, CommutesWithPermutationsWhenNothingTellsPositionsApart) {
  const std::vector<std::int32_t> order = {3, 0, 4, 2, 1};
  EXPECT_LT(distance(layer_(gather(x_, 1, order)), gather(layer_(x_), 1, order)), 1e-14);
  // The test would notice: with a causal mask or positions, the property does not hold.
  const AttentionMask causal = AttentionMask::causal_only();
  EXPECT_GT(distance(layer_(gather(x_, 1, order), causal), gather(layer_(x_, causal), 1, order)), 1e-3);
  const auto rotary = make_position("rotary", kTime, kWidth);
  EXPECT_GT(distance(layer_(gather(x_, 1, order), {}, rotary.get()), gather(layer_(x_, {}, rotary.get()), 1, order)),
            1e-3);
}

TEST_F(Attention, OneHeadIsSelfAttentionStepByStep) {
  MultiHeadAttention layer(kWidth, 1, {.head_size = 4, .in = {.bias = false}, .out = {.bias = false}});
  randomize(layer, 5);
  const Tensor x = slice(x_, 0, 0, 1);  // [1,T,C]
  const auto part = [&](Index i) { return transpose(slice(layer.qkv->weight, 0, 4 * i, 4 * i + 4)); };
  for (const bool causal : {false, true}) {
    const SelfAttention one = self_attention(reshape(x, {kTime, kWidth}), part(0), part(1), part(2), causal);
    SeeWeights hook;
    const Tensor y = layer(x, {.causal = causal, .allowed = {}});
    EXPECT_LT(distance(reshape(hook.weights, {kTime, kTime}), one.weights), 1e-14);
    EXPECT_LT(distance(reshape(y, {kTime, kWidth}), (*layer.out)(one.output)), 1e-14);
  }
}

TEST_F(Attention, PaddingDoesNotReachTheRest) {
  const std::vector<Index> lengths = {3, 5};
  const AttentionMask mask = AttentionMask::padding(lengths, kTime);
  Tensor changed = x_.clone();
  for (Index t = 3; t < kTime; ++t)
    for (Index c = 0; c < kWidth; ++c) changed.data<double>()[t * kWidth + c] += 1;
  const Tensor before = layer_(x_, mask), after = layer_(changed, mask);
  EXPECT_TRUE(same_bits(slice(slice(before, 0, 0, 1), 1, 0, 3), slice(slice(after, 0, 0, 1), 1, 0, 3)));
  EXPECT_TRUE(same_bits(slice(before, 0, 1, 2), slice(after, 0, 1, 2)));
  EXPECT_FALSE(same_bits(slice(before, 0, 0, 1), slice(after, 0, 0, 1)));
}

TEST_F(Attention, ErrorsSayWhatIsWrong) {
  EXPECT_EQ(error_of([] { MultiHeadAttention(6, 4); }), "attention: width 6 is not divisible by 4 heads");
  EXPECT_EQ(error_of([] { MultiHeadAttention(6, 0); }), "attention: 0 heads; use at least one");
  const std::vector<Index> lengths = {3, 6};
  EXPECT_EQ(error_of([&] { AttentionMask::padding(lengths, 5); }), "attention: length 6 is outside 0 to 5");
  EXPECT_EQ(error_of([&] { layer_(Tensor::zeros({5, 6})); }), "attention: x must be [B,T,C], got [5,6]");
  const std::string batches = error_of([&] { layer_.cross(x_, Tensor::zeros({3, 7, 6})); });
  EXPECT_TRUE(batches.starts_with("attention: ")) << batches;
  EXPECT_NE(batches.find("[3,7,6]"), std::string::npos) << batches;
  const std::string width = error_of([&] { layer_.cross(x_, Tensor::zeros({2, 7, 5})); });
  EXPECT_TRUE(width.starts_with("qkv: linear: ")) << width;
  const std::string mask = error_of([&] { layer_(x_, {.causal = false, .allowed = Tensor::zeros({3, 1, 1, 5})}); });
  EXPECT_NE(mask.find("[3,1,1,5]"), std::string::npos) << mask;
}

// With all heads pruned, only the bias remains.
TEST(MultiHeadAttention, WithoutHeadsIsItsBias) {
  const DTypeScope doubles(DType::kFloat64);
  AttentionLayerOptions options;
  options.head_size = 3;
  const MultiHeadAttention layer(6, 0, options);
  Rng rng(1);
  Tensor(layer.out->bias->value()).copy_from(Tensor::normal({6}, 0, 1, rng));
  const Tensor x = Tensor::normal({2, 3, 6}, 0, 1, rng);
  const Tensor y = layer(x, AttentionMask::causal_only());
  for (Index b = 0; b < 2; ++b)
    for (Index t = 0; t < 3; ++t)
      for (Index c = 0; c < 6; ++c) EXPECT_EQ(y.at({b, t, c}), layer.out->bias->value().at({c}));
  Tape tape;
  tape.backward(sum(layer(x, AttentionMask::causal_only())));
  EXPECT_EQ(layer.out->bias->value().grad().at({2}), 6);
}

}  // namespace
}  // namespace headlight::tests
