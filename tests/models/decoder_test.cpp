// Compares the decoder with its model for every option at every position, and beyond a full context.
#include "models/decoder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cli/allocations.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "models/quantize.h"
#include "nn/layers.h"
#include "support/expect_error.h"
#include "tensor/sanitized.h"

namespace headlight::tests {
namespace {

using Ids = std::vector<std::int32_t>;

struct Variant {
  std::string name;
  TransformerConfig config;
};
void PrintTo(const Variant& v, std::ostream* out) { *out << v.name; }

// Every position encoding with every other option at a non-default value, one at a time and combined.
std::vector<Variant> variants() {
  std::vector<Variant> all;
  const char* positions[] = {"NoPosition", "Sinusoidal", "Learned", "Rotary", "Alibi"};
  for (std::size_t p = 0; p < 5; ++p) {
    const auto add_variant = [&](const std::string& name, const auto& change) {
      TransformerConfig c = tiny_config(kPositionKinds[p]);
      c.context = 12;
      c.vocabulary = 11;
      change(c);
      all.push_back({positions[p] + name, c});
    };
    add_variant("", [](TransformerConfig&) {});
    add_variant("PostNorm", [](TransformerConfig& c) { c.pre_norm = false; });
    add_variant("Rms", [](TransformerConfig& c) { c.norm = "rms"; });
    add_variant("AttentionOnly", [](TransformerConfig& c) { c.hidden = 0; });
    add_variant("AttentionOnlyPostNormNoBias",
                [](TransformerConfig& c) { c.hidden = 0, c.pre_norm = false, c.bias = false; });
    add_variant("Untied", [](TransformerConfig& c) { c.tied = false; });
    add_variant("UntiedPostNormRmsRelu", [](TransformerConfig& c) {
      c.tied = false, c.pre_norm = false, c.norm = "rms", c.activation = "relu";
    });
    add_variant("GeluErf", [](TransformerConfig& c) { c.activation = "gelu-erf"; });
    add_variant("Relu", [](TransformerConfig& c) { c.activation = "relu"; });
    add_variant("Silu", [](TransformerConfig& c) { c.activation = "silu"; });
    add_variant("NoBias", [](TransformerConfig& c) { c.bias = false; });
    add_variant("NoBlocks", [](TransformerConfig& c) { c.layers = 0; });
    add_variant("OneHead", [](TransformerConfig& c) { c.heads = 1, c.hidden = -1; });
    if (std::string_view(kPositionKinds[p]) != "alibi")
      add_variant("HeadsTakenAway", [](TransformerConfig& c) {
        c.head_size = c.width / c.heads;
        c.layer_heads.assign(static_cast<std::size_t>(c.layers), 0);
        c.layer_heads[0] = c.heads - 1;
      });
    // Large enough that rows are split over threads, with odd sizes.
    add_variant("Wide",
                [](TransformerConfig& c) { c.width = 210, c.heads = 3, c.hidden = 641, c.context = 24, c.layers = 1; });
    add_variant("WidePostNormRms", [](TransformerConfig& c) {
      c.width = 60, c.heads = 3, c.hidden = 257, c.context = 24, c.pre_norm = false, c.norm = "rms";
    });
    add_variant("WideAttentionOnly",
                [](TransformerConfig& c) { c.width = 72, c.heads = 2, c.hidden = 0, c.context = 24; });
  }
  return all;
}

// The logits [V] of the model for the token after `ids`.
std::vector<float> whole_model(const TransformerLM& model, std::span<const std::int32_t> ids) {
  const NoGrad no_recording;
  const Tensor logits = model(ids, 1);
  const Index v = logits.size(2);
  const float* last = logits.data<float>() + (logits.size(1) - 1) * v;
  return {last, last + v};
}

void expect_close(std::span<const float> got, const std::vector<float>& want, const std::string& where) {
  ASSERT_EQ(got.size(), want.size());
  float size = 1;
  for (const float x : want) size = std::max(size, std::abs(x));
  for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-5f * size) << where << ", logit " << i;
}

class EveryDecoder : public ::testing::TestWithParam<Variant> {};

TEST_P(EveryDecoder, GivesTheLogitsOfTheModelAtEveryPosition) {
  const TransformerConfig& c = GetParam().config;
  const TransformerLM model(c);
  if (c.width < 20) randomize(model, 1);
  const Ids ids = random_ids(c.context, c.vocabulary, 2);
  const std::span<const std::int32_t> all(ids);
  Decoder decoder(model);
  const int before = thread_count();
  for (const int threads : {1, 3}) {
    set_thread_count(threads);
    // A prompt of every length, then token by token to the end of the context.
    for (std::size_t prompt = 1; prompt <= ids.size(); prompt += c.context > 20 ? 11 : 1) {
      expect_close(decoder.start(all.first(prompt)), whole_model(model, all.first(prompt)), cat("prompt ", prompt));
      for (std::size_t t = prompt; t < ids.size(); ++t) {
        expect_close(decoder.next(ids[t]), whole_model(model, all.first(t + 1)), cat("prompt ", prompt, " token ", t));
        EXPECT_EQ(decoder.length(), static_cast<Index>(t + 1));
        if (HasFatalFailure()) return;
      }
      EXPECT_TRUE(decoder.full());
    }
  }
  set_thread_count(before);
}

TEST_P(EveryDecoder, GivesTheSameBitsOnAnyNumberOfThreads) {
  const TransformerConfig& c = GetParam().config;
  const TransformerLM model(c);
  randomize(model, 3);
  const Ids ids = random_ids(2 * c.context, c.vocabulary, 4);
  const int before = thread_count();
  std::vector<std::vector<float>> runs;
  for (const WeightFormat format : {WeightFormat::kFloat32, WeightFormat::kInt8}) {
    runs.clear();
    for (const int threads : {1, 2, 4}) {
      set_thread_count(threads);
      Decoder decoder(model, format);
      std::vector<float> all;
      for (const std::int32_t id : ids) {
        const std::span<const float> logits = decoder.next(id);
        all.insert(all.end(), logits.begin(), logits.end());
      }
      runs.push_back(all);
    }
    EXPECT_EQ(runs[0], runs[1]);
    EXPECT_EQ(runs[0], runs[2]);
  }
  set_thread_count(before);
}

INSTANTIATE_TEST_SUITE_P(All, EveryDecoder, ::testing::ValuesIn(variants()),
                         [](const auto& one) { return one.param.name; });

// ---- the full context ----

TEST(Decoder, StartsAgainFromTheLastHalfWherePositionsAreAbsolute) {
  for (const char* kind : {"learned", "sinusoidal"})
    for (const Index context : {1, 2, 5, 6}) {
      TransformerConfig c = tiny_config(kind);
      c.context = context;
      const TransformerLM model(c);
      randomize(model, 5);
      const Ids ids = random_ids(25, c.vocabulary, 6);
      Decoder decoder(model);
      Index kept = 0;
      for (std::size_t t = 0; t < ids.size(); ++t) {
        const std::span<const float> logits = decoder.next(ids[t]);
        kept = kept == context ? context / 2 + 1 : kept + 1;
        kept = std::min(kept, context);
        EXPECT_EQ(decoder.length(), kept);
        expect_close(logits,
                     whole_model(model, std::span(ids).subspan(t + 1 - static_cast<std::size_t>(kept),
                                                               static_cast<std::size_t>(kept))),
                     cat("context ", context, " token ", t));
      }
    }
}

// With one block, keys and values depend on their own token only, so a sliding cache equals the model on the last T
// tokens.
TEST(Decoder, SlidesWherePositionsAreRelative) {
  for (const char* kind : {"none", "rotary", "alibi"}) {
    for (const Index layers : {1, 2}) {
      TransformerConfig c = tiny_config(kind);
      c.layers = layers;
      const TransformerLM model(c);
      randomize(model, 7);
      const Ids ids = random_ids(40, c.vocabulary, 8);
      Decoder decoder(model);
      bool differs = false;
      for (std::size_t t = 0; t < ids.size(); ++t) {
        const std::span<const float> logits = decoder.next(ids[t]);
        const std::size_t seen = std::min<std::size_t>(t + 1, 6);
        EXPECT_EQ(decoder.length(), static_cast<Index>(seen));
        const std::vector<float> right = whole_model(model, std::span(ids).subspan(t + 1 - seen, seen));
        if (layers == 1 || t < 6) expect_close(logits, right, cat("token ", t));
        else
          for (std::size_t i = 0; i < right.size(); ++i) differs |= std::abs(logits[i] - right[i]) > 1e-3f;
        if (HasFatalFailure()) return;
      }
      EXPECT_EQ(differs, layers > 1) << "deeper blocks carry information from removed tokens";
    }
  }
}

// With several blocks, a decoder with a sliding cache equals the model on the whole text, if a mask limits attention in
// every layer to the last T keys.
TEST(Decoder, WhatSlidesIsAttentionToTheLastTokensInEveryBlock) {
  for (const char* kind : {"none", "rotary", "alibi"}) {
    const TransformerConfig c = tiny_config(kind);
    const TransformerLM model(c);
    randomize(model, 9);
    const Ids ids = random_ids(20, c.vocabulary, 10);
    std::vector<double> window;
    for (Index t = 0; t < 20; ++t)
      for (Index s = 0; s < 20; ++s) window.push_back(s <= t && t - s < c.context ? 1 : 0);
    const AttentionMask mask{.causal = true, .allowed = Tensor::of({20, 20}, window)};
    Tensor x = model.position->embed((*model.tokens)(ids, {1, 20}));
    for (const Child<TransformerBlock>& block : model.blocks) x = block(x, mask, model.position.get());
    const Tensor logits = linear((*model.norm)(x), model.tokens->weight);  // [1,20,V]
    Decoder decoder(model);
    for (Index t = 0; t < 20; ++t) {
      const float* row = logits.data<float>() + t * c.vocabulary;
      expect_close(decoder.next(ids[static_cast<std::size_t>(t)]), {row, row + c.vocabulary}, cat("token ", t));
    }
  }
}

TEST(Decoder, StartForgetsEverything) {
  const TransformerLM model(tiny_config("rotary"));
  Decoder decoder(model);
  for (const std::int32_t id : random_ids(17, 7, 1)) decoder.next(id);
  const Ids ids = {3, 1, 4};
  expect_close(decoder.start(ids), whole_model(model, ids), "after a long text");
  EXPECT_EQ(decoder.length(), 3);
}

TEST(Decoder, SeesWeightsThatChanged) {
  const TransformerLM model(tiny_config());
  Decoder decoder(model);
  randomize(model, 11);
  const Ids ids = {3, 1, 4};
  expect_close(decoder.start(ids), whole_model(model, ids), "new weights");
  expect_close(decoder.next(2), whole_model(model, Ids{3, 1, 4, 2}), "new weights");
}

TEST(Decoder, AllocatesNothingForATokenOnceTheCacheHasGrown) {
  if (kAddressSanitizer) GTEST_SKIP() << "the sanitizer allocates by itself";
  for (const char* kind : kPositionKinds) {
    TransformerConfig c = tiny_config(kind);
    c.context = 200;
    const TransformerLM model(c);
    for (const WeightFormat format : {WeightFormat::kFloat32, WeightFormat::kInt8}) {
      Decoder decoder(model, format);
      for (int i = 0; i < 150; ++i) decoder.next(i % 7);  // the cache doubles twice
      const Index before = pool_stats().system_allocations;
      const Index bytes = cli::allocated_bytes();
      for (int i = 0; i < 50; ++i) decoder.next(i % 7);
      EXPECT_EQ(pool_stats().system_allocations, before);
      EXPECT_EQ(cli::allocated_bytes(), bytes);
    }
  }
}

// ---- unsupported models and invalid input are errors ----

TEST(Decoder, RefusesAModelThatIsNotFloat32) {
  const DTypeScope doubles(DType::kFloat64);
  const TransformerLM model(tiny_config());
  EXPECT_TRUE(
      contains(error_of([&] { Decoder{model}; }), "decoder: tokens.weight is float64; convert the model to float32"));
}

class LargerModel : public TransformerLM {
 public:
  LargerModel() : TransformerLM(tiny_config()), more{this, "more", {8}, Init::zeros()} {}
  Param more;
};

TEST(Decoder, RefusesAModelWithParametersItDoesNotKnow) {
  const LargerModel model;
  EXPECT_THROW(Decoder{model}, Decoder::Mismatch);
  EXPECT_TRUE(contains(error_of([&] { Decoder{model}; }), "in src/models/decoder.cpp"));
}

// A model whose heads output zeros at some token. The decoder does not run hooks, so it cannot reproduce this.
class SilentAt : public Hook {
 public:
  // Applies to inputs of `length` tokens, at token `t`.
  SilentAt(Index length, Index t) : length_(length), t_(t) {}
  bool wants_weights() const override { return false; }
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site != HookSite{0, HookSite::Kind::kHeadOutputs} || x.size(2) != length_) return x;
    Tensor changed = x.clone();  // [B,H,T,D]
    for (Index h = 0; h < x.size(1); ++h)
      std::fill_n(changed.data<float>() + (h * x.size(2) + t_) * x.size(3), x.size(3), 0.0f);
    return changed;
  }

 private:
  Index length_, t_;
};

TEST(Decoder, RefusesAModelThatDiffersAtAnyToken) {
  for (const char* kind : kPositionKinds) {
    TransformerConfig c = tiny_config(kind);
    c.context = 20;
    const TransformerLM model(c);
    randomize(model, 12);
    for (Index t = 1; t < c.context; ++t) {
      const SilentAt hook(c.context, t);
      const std::string line = error_of([&] { Decoder{model}; });
      EXPECT_TRUE(contains(line, "decoder: its logits differ from the model's by ")) << t;
      EXPECT_TRUE(contains(line, cat(" at token ", t, " of 20; implement the new layer in src/models/decoder.cpp")))
          << line;
      EXPECT_THROW(Decoder{model}, Decoder::Mismatch);
    }
    // The first token beyond the context.
    const Index length = model.position->relative() ? c.context + 2 : c.context / 2 + 1;
    const SilentAt hook(length, model.position->relative() ? c.context : length - 1);
    EXPECT_TRUE(contains(error_of([&] { Decoder{model}; }), " at token 20 of 20; ")) << kind;
  }
}

// For a large model, the check reads only the first and the last tokens one at a time.
TEST(Decoder, RefusesALargeModelThatDiffersLate) {
  TransformerConfig c = tiny_config("learned");
  c.layers = 1;
  c.context = 2048;
  c.vocabulary = 100'000;
  c.width = 16;
  const TransformerLM model(c);
  randomize(model, 13);
  EXPECT_NO_THROW(Decoder{model});
  for (const Index t : {Index{3}, Index{15}, c.context - 16, c.context - 1}) {
    const SilentAt hook(c.context, t);
    EXPECT_TRUE(contains(error_of([&] { Decoder{model}; }), cat(" at token ", t, " of 2048; "))) << t;
  }
}

TEST(Decoder, StartsEmptyAfterTheCheck) {
  for (const char* kind : kPositionKinds) {
    const TransformerLM model(tiny_config(kind));
    randomize(model, 14);
    Decoder decoder(model);
    EXPECT_EQ(decoder.length(), 0);
    expect_close(decoder.next(2), whole_model(model, Ids{2}), "the first token");
    EXPECT_EQ(decoder.length(), 1);
  }
}

TEST(Decoder, GivesWhatIsNotANumberForDamagedWeights) {
  const TransformerLM model(tiny_config());
  Tensor weight = model.blocks[1]->attn->out->weight.value();
  weight.data<float>()[3] = std::nanf("");
  for (const WeightFormat format : {WeightFormat::kFloat32, WeightFormat::kInt8}) {
    Decoder decoder(model, format);
    EXPECT_TRUE(std::isnan(decoder.next(1)[0]));
  }
}

TEST(Decoder, RefusesWhatItCannotRead) {
  const TransformerLM model(tiny_config());
  Decoder decoder(model);
  EXPECT_EQ(error_of([&] { decoder.start({}); }), "decoder: no tokens; pass at least one");
  EXPECT_EQ(error_of([&] { decoder.start(Ids(7, 1)); }),
            "decoder: 7 tokens exceed the context of 6; pass only the last ones");
  for (const std::int32_t id : {-1, 7}) {
    EXPECT_EQ(error_of([&] { decoder.next(id); }), cat("decoder: id ", id, " is outside 0 to 6"));
    EXPECT_EQ(error_of([&] { decoder.start(Ids{1, id}); }), cat("decoder: id ", id, " is outside 0 to 6"));
  }
}

TEST(Decoder, CountsTheBytesItReads) {
  TransformerConfig c = tiny_config();
  c.width = 64;
  c.hidden = 128;
  const TransformerLM model(c);
  const Decoder decoder(model), eight(model, WeightFormat::kInt8);
  // All parameters except the position table, plus one row of the token embedding: 4 bytes each.
  EXPECT_EQ(decoder.bytes_read(0), 4 * (model.parameter_count() - 6 * 64 + 64));
  EXPECT_EQ(decoder.bytes_read(5) - decoder.bytes_read(0), 5 * 2 * 2 * 64 * 4) << "5 tokens, 2 blocks, keys and values";
  // A weight takes 1 byte instead of 4, and every 64 weights take a 4-byte scale.
  const Index weights = 2 * (4 * 64 * 64 + 2 * 64 * 128) + 7 * 64;
  EXPECT_EQ(decoder.bytes_read(0) - eight.bytes_read(0), 3 * weights - weights / 64 * 4);
}

}  // namespace
}  // namespace headlight::tests
