// Tests of TransformerBlock and TransformerLM: structure, gradients of every variant, and causality.
#include <gtest/gtest.h>

#include <cmath>

#include "headlight/autograd/tape.h"
#include "nn/layers.h"

namespace headlight::tests {
namespace {

struct Variant {
  std::string name;
  TransformerConfig config;
};
void PrintTo(const Variant& v, std::ostream* out) { *out << v.name; }

std::vector<Variant> variants() {
  std::vector<Variant> all;
  const auto add_variant = [&](const std::string& name, const auto& change) {
    TransformerConfig c = tiny_config();
    c.width = 4;
    c.hidden = 5;
    c.context = 4;
    c.vocabulary = 5;
    change(c);
    all.push_back({name, c});
  };
  add_variant("Learned", [](TransformerConfig&) {});
  add_variant("NoPosition", [](TransformerConfig& c) { c.position = "none"; });
  add_variant("Sinusoidal", [](TransformerConfig& c) { c.position = "sinusoidal"; });
  add_variant("Rotary", [](TransformerConfig& c) { c.position = "rotary"; });
  add_variant("Alibi", [](TransformerConfig& c) { c.position = "alibi"; });
  add_variant("PostNorm", [](TransformerConfig& c) { c.pre_norm = false; });
  add_variant("AttentionOnly", [](TransformerConfig& c) { c.hidden = 0; });
  add_variant("AttentionOnlyPostNorm", [](TransformerConfig& c) { c.hidden = 0, c.pre_norm = false; });
  add_variant("Untied", [](TransformerConfig& c) { c.tied = false; });
  add_variant("UntiedPostNormRms", [](TransformerConfig& c) { c.tied = false, c.pre_norm = false, c.norm = "rms"; });
  add_variant("Rms", [](TransformerConfig& c) { c.norm = "rms"; });
  add_variant("GeluErf", [](TransformerConfig& c) { c.activation = "gelu-erf"; });
  add_variant("Relu", [](TransformerConfig& c) { c.activation = "relu"; });
  add_variant("Silu", [](TransformerConfig& c) { c.activation = "silu"; });
  add_variant("NoBias", [](TransformerConfig& c) { c.bias = false; });
  add_variant("NoBlocks", [](TransformerConfig& c) { c.layers = 0; });
  return all;
}

class EveryVariant : public ::testing::TestWithParam<Variant> {};

TEST_P(EveryVariant, GradientsAreRight) {
  const DTypeScope doubles(DType::kFloat64);
  const TransformerConfig c = GetParam().config;
  const TransformerLM model(c);
  randomize(model, 1);
  const std::vector<std::int32_t> ids = random_ids(2 * c.context, c.vocabulary, 2);
  const bool kinked = c.activation == "relu";
  EXPECT_TRUE(gradients_are_right(
      model, [&](std::span<const Tensor>) { return model(ids, 2); }, {}, kinked ? 1e-5 : 1e-4));
}

// The logits at t depend on ids 0..t alone, to the last bit.
TEST_P(EveryVariant, TheFutureDoesNotReachThePast) {
  TransformerConfig c = GetParam().config;
  c.context = 12;
  const TransformerLM model(c);
  randomize(model, 3);
  const std::vector<std::int32_t> ids = random_ids(2 * 12, c.vocabulary, 4);
  const Tensor before = model(ids, 2);  // [2,T,V]
  for (Index t = 0; t < 11; ++t) {
    std::vector<std::int32_t> changed = ids;
    for (Index s = t + 1; s < 12; ++s) {
      std::int32_t& id = changed[static_cast<std::size_t>(12 + s)];
      id = static_cast<std::int32_t>((id + 1) % c.vocabulary);
    }
    const Tensor after = model(changed, 2);
    EXPECT_TRUE(same_bits(slice(after, 0, 0, 1), slice(before, 0, 0, 1))) << "the other sequence, t " << t;
    EXPECT_TRUE(same_bits(slice(slice(after, 0, 1, 2), 1, 0, t + 1), slice(slice(before, 0, 1, 2), 1, 0, t + 1)))
        << "t " << t;
    EXPECT_FALSE(
        same_bits(slice(slice(after, 0, 1, 2), 1, t + 1, t + 2), slice(slice(before, 0, 1, 2), 1, t + 1, t + 2)))
        << "t " << t;
  }
}

// The logits depend on past tokens, unless there are no blocks.
TEST_P(EveryVariant, ThePastReachesThePresent) {
  const TransformerConfig c = GetParam().config;
  const TransformerLM model(c);
  randomize(model, 5);
  std::vector<std::int32_t> ids = random_ids(c.context, c.vocabulary, 6);
  const Tensor before = model(ids, 1);
  ids[0] = static_cast<std::int32_t>((ids[0] + 1) % c.vocabulary);
  const Tensor after = model(ids, 1);
  const Tensor last_before = slice(before, 1, c.context - 1, c.context);
  EXPECT_EQ(distance(slice(after, 1, c.context - 1, c.context), last_before) > 1e-6, c.layers > 0);
}

INSTANTIATE_TEST_SUITE_P(All, EveryVariant, ::testing::ValuesIn(variants()),
                         [](const auto& one) { return one.param.name; });

// ---- structure ----

TEST(TransformerBlock, IsWhatItsFormulaSays) {
  const DTypeScope doubles(DType::kFloat64);
  const Tensor x = random_tensor({2, 4, 8}, 1, DType::kFloat64);
  const AttentionMask mask = AttentionMask::causal_only();
  for (const bool feed_forward : {true, false}) {
    for (const bool pre : {true, false}) {
      TransformerConfig c = tiny_config();
      c.pre_norm = pre;
      if (!feed_forward) c.hidden = 0;
      const TransformerBlock block(c);
      randomize(block, 2);
      Tensor right;
      if (pre) {
        right = add(x, (*block.attn)((*block.norm1)(x), mask));
        if (feed_forward) right = add(right, (*block.ff)((*block.norm2)(right)));
      } else {
        right = (*block.norm1)(add(x, (*block.attn)(x, mask)));
        if (feed_forward) right = (*block.norm2)(add(right, (*block.ff)(right)));
      }
      EXPECT_TRUE(same_bits(block(x, mask, nullptr), right)) << "pre-norm " << pre;
      EXPECT_TRUE(
          gradients_are_right(block, [&](std::span<const Tensor> in) { return block(in[0], mask, nullptr); }, {x}));
    }
  }
}

TEST(TransformerLM, IsEmbeddingBlocksNormAndOutput) {
  for (const bool tied : {true, false}) {
    for (const bool pre : {true, false}) {
      TransformerConfig c = tiny_config();
      c.tied = tied;
      c.pre_norm = pre;
      const TransformerLM model(c);
      randomize(model, 3);
      const std::vector<std::int32_t> ids = random_ids(8, 7, 4);
      Tensor x = add(embedding(model.tokens->weight, ids, {2, 4}), slice(model.parameters()[1].value, 0, 0, 4));
      for (Index i = 0; i < 2; ++i) x = model.blocks[i](x, AttentionMask::causal_only(), nullptr);
      if (pre) x = (*model.norm)(x);
      const Tensor right =
          matmul(x, tied ? model.tokens->weight.value() : (*model.lm_head)->weight.value(), {.transpose_b = true});
      const Tensor logits = model(ids, 2);
      EXPECT_EQ(to_text(logits.shape()), "[2,4,7]");
      EXPECT_LT(distance(logits, right), 1e-6);
    }
  }
}

// The gradient of the tied table is the sum over both of its uses.
TEST(TransformerLM, TyingAddsBothGradients) {
  const DTypeScope doubles(DType::kFloat64);
  TransformerConfig c = tiny_config();
  const TransformerLM tied(c);
  c.tied = false;
  const TransformerLM untied(c);
  randomize(tied, 5);
  for (NamedTensor& p : untied.parameters())
    for (const NamedTensor& q : tied.parameters())
      if (p.name == q.name || (p.name == "head.weight" && q.name == "tokens.weight")) p.value.copy_from(q.value);
  const std::vector<std::int32_t> ids = random_ids(12, 7, 6), targets = random_ids(12, 7, 7);
  for (const TransformerLM* model : {&tied, &untied}) {
    Tape tape;
    tape.backward(cross_entropy((*model)(ids, 2), targets));
  }
  EXPECT_LT(distance(tied.tokens->weight.value().grad(),
                     add(untied.tokens->weight.value().grad(), (*untied.lm_head)->weight.value().grad())),
            1e-14);
}

TEST(TransformerLM, ContextLongerThanTrainingWorksWhereNothingIsLearned) {
  // The configuration's context is the limit; every shorter text is accepted.
  for (const char* kind : kPositionKinds) {
    const TransformerLM model(tiny_config(kind));
    for (const Index length : {Index{1}, Index{6}})
      EXPECT_EQ(to_text(model(random_ids(2 * length, 7, 1), 2).shape()), to_text(Shape{2, length, 7}));
    EXPECT_EQ(error_of([&] { model(random_ids(7, 7, 1), 1); }),
              "model: sequences of 7 ids exceed the context of 6; pass shorter sequences");
  }
}

// ---- errors ----

TEST(TransformerLM, RefusesIdsThatMakeNoBatch) {
  const TransformerLM model(tiny_config());
  const std::vector<std::int32_t> ids = random_ids(5, 7, 1);
  EXPECT_EQ(error_of([&] { model(ids, 2); }),
            "model: 5 ids do not divide into 2 sequences; pass sequences of equal length");
  EXPECT_EQ(error_of([&] { model(ids, 0); }),
            "model: 5 ids do not divide into 0 sequences; pass sequences of equal length");
  EXPECT_EQ(error_of([&] { model(ids, -5); }),
            "model: 5 ids do not divide into -5 sequences; pass sequences of equal length");
}

TEST(TransformerConfig, SaysWhichSizesWouldDo) {
  const auto error = [](const auto& change) {
    TransformerConfig c = tiny_config();
    change(c);
    return error_of([&] { TransformerLM{c}; });
  };
  EXPECT_EQ(error([](auto& c) { c.vocabulary = 0; }), "model: vocabulary 0 is outside 1 to 1048576");
  EXPECT_EQ(error([](auto& c) { c.context = 0; }), "model: context 0 is outside 1 to 1048576");
  EXPECT_EQ(error([](auto& c) { c.layers = -1; }), "model: layers -1 is outside 0 to 1048576");
  EXPECT_EQ(error([](auto& c) { c.heads = 0; }), "model: heads 0 is outside 1 to 1048576");
  EXPECT_EQ(error([](auto& c) { c.width = Index{1} << 40; }), "model: width 1099511627776 is outside 1 to 1048576");
  EXPECT_EQ(error([](auto& c) { c.hidden = -2; }), "model: hidden size -2 is outside 0 to 1048576");
  EXPECT_EQ(error([](auto& c) { c.heads = 3; }),
            "model: width 8 is not divisible by 3 heads; use 6 or 9, or other heads");
  EXPECT_EQ(error([](auto& c) { c.heads = 9; }), "model: width 8 is not divisible by 9 heads; use 9, or other heads");
  EXPECT_EQ(error([](auto& c) { c.heads = 8, c.position = "rotary"; }),
            "model: rotary positions need an even head size, but 8 / 8 is 1; use another width or number of heads");
  EXPECT_EQ(error([](auto& c) { c.dropout = 1; }), "model: dropout 1 is outside [0, 1)");
  EXPECT_EQ(error([](auto& c) { c.position = "absolute"; }),
            "model: no position encoding absolute; use learned, sinusoidal, rotary, alibi or none");
  EXPECT_EQ(error([](auto& c) { c.norm = "batch"; }), "model: no norm batch; use layer or rms");
  EXPECT_EQ(error([](auto& c) { c.activation = "step"; }),
            "model: no activation step; use gelu, gelu-erf, relu or silu");
}

}  // namespace
}  // namespace headlight::tests
