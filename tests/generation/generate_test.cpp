// Generation: sampling from logits, and the text of the decoder against the full model.
#include "headlight/generation/generate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "headlight/models/transformer.h"
#include "headlight/nn/hook.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

const std::vector<float> kLogits = {0.5f, 2.0f, -1.0f, 1.0f};

std::map<std::int32_t, double> frequencies(const std::vector<float>& logits, const SampleOptions& options) {
  Rng rng(9);
  std::map<std::int32_t, double> share;
  constexpr int kDraws = 40000;
  for (int i = 0; i < kDraws; ++i) share[sample_token(logits, options, rng)] += 1.0 / kDraws;
  return share;
}

// The softmax over the given tokens, in double.
std::map<std::int32_t, double> softmax_of(const std::vector<float>& logits, std::vector<std::int32_t> ids,
                                          double temperature) {
  double total = 0;
  std::map<std::int32_t, double> p;
  for (const std::int32_t id : ids)
    total += p[id] = std::exp(static_cast<double>(logits[static_cast<std::size_t>(id)]) / temperature);
  for (auto& [id, value] : p) value /= total;
  return p;
}

void expect_close(const std::map<std::int32_t, double>& found, const std::map<std::int32_t, double>& wanted) {
  EXPECT_EQ(found.size(), wanted.size());
  for (const auto& [id, p] : wanted) {
    const auto at = found.find(id);
    // Five standard deviations of 40,000 draws.
    EXPECT_NEAR(at == found.end() ? 0 : at->second, p, 5 * std::sqrt(p * (1 - p) / 40000) + 1e-9) << id;
  }
}

TEST(SampleToken, FollowsTheSoftmax) {
  expect_close(frequencies(kLogits, {}), softmax_of(kLogits, {0, 1, 2, 3}, 1));
  expect_close(frequencies(kLogits, {.temperature = 0.5}), softmax_of(kLogits, {0, 1, 2, 3}, 0.5));
  expect_close(frequencies(kLogits, {.temperature = 3}), softmax_of(kLogits, {0, 1, 2, 3}, 3));
}

TEST(SampleToken, AtTemperatureZeroTakesTheLikeliest) {
  expect_close(frequencies(kLogits, {.temperature = 0}), {{1, 1.0}});
  expect_close(frequencies({1, 3, 3, 0}, {.temperature = 0}), {{1, 1.0}});  // the first of equal logits
  expect_close(frequencies(kLogits, {.temperature = 1e-300}), {{1, 1.0}});
}

TEST(SampleToken, TopKKeepsTheLikeliest) {
  expect_close(frequencies(kLogits, {.top_k = 1}), {{1, 1.0}});
  expect_close(frequencies(kLogits, {.top_k = 2}), softmax_of(kLogits, {1, 3}, 1));
  expect_close(frequencies(kLogits, {.top_k = 99}), softmax_of(kLogits, {0, 1, 2, 3}, 1));
}

TEST(SampleToken, TopPKeepsTheFewestThatReachIt) {
  // The softmax is about 0.140, 0.626, 0.031, 0.203, so the order is 1, 3, 0, 2 with sums 0.63, 0.83, 0.97, 1.
  expect_close(frequencies(kLogits, {.top_p = 0.01}), {{1, 1.0}});
  expect_close(frequencies(kLogits, {.top_p = 0.6}), {{1, 1.0}});
  expect_close(frequencies(kLogits, {.top_p = 0.7}), softmax_of(kLogits, {1, 3}, 1));
  expect_close(frequencies(kLogits, {.top_p = 0.9}), softmax_of(kLogits, {1, 3, 0}, 1));
  // top-p applies to the probabilities after top-k: 0.755 and 0.245.
  expect_close(frequencies(kLogits, {.top_k = 2, .top_p = 0.7}), {{1, 1.0}});
}

// Zeros of both signs are equal, ties keep the order of ids, and the largest and smallest floats are ordered.
TEST(SampleToken, OrdersAllFloats) {
  const std::vector<float> logits = {-0.0f, 1e-45f, 0.0f, -3e38f, 2.5f, -1e-45f, 3e38f, -2.5f, 2.5f, -0.0f};
  const std::vector<std::int32_t> falling = {6, 4, 8, 1, 0, 2, 9, 5, 7, 3};
  for (std::size_t k = 1; k <= falling.size(); ++k) {
    Rng rng(3);
    std::set<std::int32_t> drawn;
    const SampleOptions options{.temperature = 1e40, .top_k = static_cast<Index>(k)};  // nearly uniform
    for (int i = 0; i < 300; ++i) drawn.insert(sample_token(logits, options, rng));
    EXPECT_EQ(drawn, std::set<std::int32_t>(falling.begin(), falling.begin() + static_cast<std::ptrdiff_t>(k))) << k;
  }
}

TEST(SampleToken, NeverDrawsProbabilityZero) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  expect_close(frequencies({0, -inf, 1}, {}), softmax_of({0, 0, 1}, {0, 2}, 1));
  expect_close(frequencies({-inf, -3, -inf}, {.temperature = 100}), {{1, 1.0}});
}

TEST(SampleToken, RefusesDamagedLogits) {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  Rng rng(1);
  for (const std::vector<float>& logits :
       std::vector<std::vector<float>>{{nan}, {1, nan, 2}, {nan, 5}, {1, inf}, {-inf, -inf}})
    for (const double temperature : {0.0, 1.0})
      EXPECT_TRUE(contains(error_of([&] { sample_token(logits, {.temperature = temperature}, rng); }),
                           "a logit is NaN or +inf"));
  EXPECT_TRUE(contains(error_of([&] { sample_token({}, {}, rng); }), "no logits"));
}

TEST(SampleToken, RefusesInvalidOptions) {
  Rng rng(1);
  for (const SampleOptions& o :
       {SampleOptions{.temperature = -1}, SampleOptions{.temperature = std::nan("")}, SampleOptions{.top_k = -1},
        SampleOptions{.top_p = 0}, SampleOptions{.top_p = 1.5}, SampleOptions{.top_p = std::nan("")}})
    EXPECT_TRUE(contains(error_of([&] { sample_token(kLogits, o, rng); }), "sample: temperature"));
}

TEST(DrawToken, PenalizesRecentTokens) {
  // Token 1 has the largest logit, 2.0; divided by 4 it is 0.5, below token 3 at 1.0. Token 2 falls from -1 to -4.
  const auto most_likely = [](const std::vector<std::int32_t>& before, double penalty) {
    Rng rng(1);
    return draw_token(kLogits, before, {.temperature = 0, .repetition_penalty = penalty}, rng).token;
  };
  EXPECT_EQ(most_likely({1}, 1), 1);
  EXPECT_EQ(most_likely({1, 1, 1}, 4), 3) << "applied once per token, not per occurrence";
  EXPECT_EQ(most_likely({1, 3}, 4), 0) << "0.5, the first of equal logits";
  EXPECT_EQ(most_likely({1, 3, 0}, 4), 1);
  EXPECT_EQ(most_likely({}, 4), 1);
  std::vector<std::int32_t> long_ago(1 + kRepetitionSpan, 2);
  long_ago[0] = 1;
  EXPECT_EQ(most_likely(long_ago, 4), 1) << "outside kRepetitionSpan";
  long_ago[1] = 1;
  EXPECT_EQ(most_likely(long_ago, 4), 3);
  std::map<std::int32_t, double> share;
  Rng rng(3);
  for (int i = 0; i < 40000; ++i)
    share[draw_token(kLogits, std::vector<std::int32_t>{2}, {.repetition_penalty = 4}, rng)] += 1.0 / 40000;
  expect_close(share, softmax_of({0.5f, 2.0f, -4.0f, 1.0f}, {0, 1, 2, 3}, 1));
  for (const double penalty : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    EXPECT_TRUE(contains(error_of([&] { draw_token(kLogits, {}, {.repetition_penalty = penalty}, rng); }), "penalty"));
}

TEST(DrawToken, TellsTheModelsOwnProbability) {
  const auto p = softmax_of(kLogits, {0, 1, 2, 3}, 1);
  Rng rng(2);
  for (int i = 0; i < 50; ++i) {
    const SampledToken drawn = draw_token(kLogits, std::vector<std::int32_t>{0},
                                          {.temperature = 3, .repetition_penalty = 2, .log_probabilities = true}, rng);
    EXPECT_NEAR(drawn.log_probability, std::log(p.at(drawn.token)), 1e-7);
  }
  EXPECT_TRUE(std::isnan(draw_token(kLogits, {}, {}, rng).log_probability));
}

class Generate : public testing::Test {
 protected:
  Generate() {
    seed_generator(4);
    TransformerConfig config;
    config.vocabulary = 9;
    config.context = 6;
    config.layers = 2;
    config.heads = 2;
    config.width = 8;
    config.dropout = 0.5;  // inactive without recording
    model_ = std::make_unique<TransformerLM>(config);
  }
  std::vector<std::int32_t> text(std::uint64_t seed, const std::vector<std::int32_t>& prompt, Index count = 30) {
    Rng rng(seed);
    return generate(*model_, prompt, count, {}, rng);
  }
  std::unique_ptr<TransformerLM> model_;
};

TEST_F(Generate, WritesTheSameTextFromTheSameSeed) {
  const auto first = text(1, {3});
  EXPECT_EQ(first.size(), 30u);
  EXPECT_EQ(text(1, {3}), first);
  EXPECT_NE(text(2, {3}), first);
  for (const std::int32_t token : first) EXPECT_TRUE(token >= 0 && token < 9);
}

TEST_F(Generate, SeesTheLastTokensOfTheContext) {
  // Tokens before the last 6, the context, do not matter; a shorter text is used as a whole.
  EXPECT_EQ(text(1, {0, 1, 2, 3, 4, 5, 6}), text(1, {8, 1, 2, 3, 4, 5, 6}));
  const std::vector<std::int32_t> prompt = {5, 2, 7};
  Rng rng(6), same(6);
  const Tensor logits = (*model_)(prompt, 1);
  const std::int32_t first = generate(*model_, prompt, 1, {}, rng)[0];
  EXPECT_EQ(first, sample_token({logits.data<float>() + 2 * 9, 9}, {}, same));
}

TEST_F(Generate, SeesWholeDocumentsWhereTheyEndWithAMark) {
  // The document end is 8 0. Tokens before it matter only while the text fits the context of 6.
  const std::vector<std::int32_t> mark = {8, 0};
  const auto next = [&](const std::vector<std::int32_t>& prompt, std::uint64_t seed) {
    Rng rng(seed);
    return generate(*model_, prompt, 1, {}, rng, {}, mark)[0];
  };
  int cut = 0, whole = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto plain = [&](const std::vector<std::int32_t>& prompt) { return text(seed, prompt, 1)[0]; };
    EXPECT_EQ(next({5, 3, 1, 2, 8, 0, 4, 7}, seed), plain({0, 4, 7}));
    EXPECT_EQ(next({5, 8, 0, 8, 0, 4, 7}, seed), plain({0, 8, 0, 4, 7}));  // the first document end in the last 6
    EXPECT_EQ(next({8, 0, 1, 2, 3, 4, 5, 6}, seed), plain({1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(next({3, 8, 0, 4}, seed), plain({3, 8, 0, 4}));                 // the text fits the context
    EXPECT_EQ(next({1, 2, 3, 4, 5, 6, 7}, seed), plain({2, 3, 4, 5, 6, 7}));  // no document end
    EXPECT_EQ(next({1, 2, 3, 4, 5, 8, 0}, seed), plain({0}));                 // the document end is last
    cut += next({5, 3, 1, 2, 8, 0, 4, 7}, seed) != plain({5, 3, 1, 2, 8, 0, 4, 7});
    whole += next({5, 3, 8, 0, 4}, seed) != plain({4});
  }
  EXPECT_GT(cut, 0);  // some windows were shortened, so this test distinguishes the two rules
  EXPECT_GT(whole, 0);
}

TEST_F(Generate, StopsWhenTold) {
  Rng rng(1);
  std::vector<std::int32_t> seen;
  const auto written = generate(*model_, std::vector<std::int32_t>{1}, 30, {}, rng, [&](std::int32_t token) {
    seen.push_back(token);
    return seen.size() < 4;
  });
  EXPECT_EQ(written.size(), 4u);
  EXPECT_EQ(seen, written);
  EXPECT_TRUE(text(1, {1}, 0).empty());
}

TEST_F(Generate, DrawsFromItsOwnGeneratorAlone) {
  seed_generator(5);
  const Rng::State before = generator().state();
  text(1, {1});
  EXPECT_EQ(generator().state(), before);
}

TEST_F(Generate, NeedsAPrompt) {
  EXPECT_TRUE(contains(error_of([&] { text(1, {}); }), "the prompt is empty"));
  EXPECT_TRUE(contains(error_of([&] { text(1, {3}, -1); }), "sample: -1 tokens"));
}

// ---- generation with the decoder and with the full model ----

TransformerConfig random_config(const std::string& position) {
  TransformerConfig config;
  config.vocabulary = 9;
  config.context = 40;
  config.layers = 2;
  config.heads = 2;
  config.width = 16;
  config.position = position;
  return config;
}

// Weights large enough that the most likely token varies between positions.
void enlarge(const TransformerLM& model) {
  Rng rng(3);
  for (NamedTensor& p : model.parameters())
    if (p.value.rank() == 2) p.value.copy_from(Tensor::normal(p.value.shape(), 0, 0.5, rng));
}

constexpr const char* kPositions[] = {"none", "sinusoidal", "learned", "rotary", "alibi"};

TEST(GenerateWithReader, WritesTheTextOfTheWholeModelWhileItFitsTheContext) {
  for (const std::string position : kPositions) {
    const TransformerLM model(random_config(position));
    enlarge(model);
    for (const double temperature : {0.0, 1.0})
      for (const std::vector<std::int32_t>& prompt : {std::vector<std::int32_t>{1}, {1, 5, 3, 3, 7}}) {
        const auto count = 41 - static_cast<Index>(prompt.size());
        Rng a(1), b(1);
        const auto text = generate(model, prompt, count, {.temperature = temperature}, a);
        EXPECT_EQ(text, generate_full_context(model, prompt, count, {.temperature = temperature}, b));
        if (position != "none") {
          EXPECT_GT(std::set<std::int32_t>(text.begin(), text.end()).size(), 1u) << "the text is not constant";
        }
      }
  }
}

TEST(GenerateWithReader, ReadsAPromptBeyondTheContextAsTheModelDoes) {
  const TransformerLM model(random_config("learned"));
  enlarge(model);
  std::vector<std::int32_t> prompt;
  for (std::int32_t i = 0; i < 100; ++i) prompt.push_back(i * i % 9);
  Rng a(1), b(1);
  EXPECT_EQ(generate(model, prompt, 1, {.temperature = 0}, a),
            generate_full_context(model, prompt, 1, {.temperature = 0}, b));
}

// Token 3 ends documents and is frequent enough that every document fits the context: texts of any length are equal.
TEST(GenerateWithReader, WritesTheTextOfTheWholeModelOfDocumentsAtAnyLength) {
  const std::vector<std::int32_t> mark = {3};
  for (const std::string position : kPositions) {
    TransformerConfig config = random_config(position);
    config.vocabulary = 4;
    const TransformerLM model(config);
    enlarge(model);
    Rng a(1), b(1);
    const auto text = generate(model, mark, 400, {.temperature = 5}, a, {}, mark);
    EXPECT_EQ(text, generate_full_context(model, mark, 400, {.temperature = 5}, b, {}, mark));
    Index longest = 0, since = 0;
    for (const std::int32_t token : text) longest = std::max(longest, since = token == 3 ? 0 : since + 1);
    ASSERT_LT(longest, 39) << "every document of this text fits the context";
  }
}

TEST(GenerateWithReader, GoesOnBeyondTheContext) {
  for (const std::string position : kPositions) {
    const TransformerLM model(random_config(position));
    Rng rng(1);
    EXPECT_EQ(generate(model, std::vector<std::int32_t>{1}, 200, {}, rng).size(), 200u);
  }
}

TEST(GenerateWithReader, AReaderMayBeUsedAgain) {
  const TransformerLM model(random_config("rotary"));
  enlarge(model);
  const auto reader = model.reader(WeightFormat::kFloat32);
  std::vector<std::int32_t> texts[2];
  for (auto& text : texts) {
    Rng rng(5);
    text = generate(*reader, model.context(), std::vector<std::int32_t>{2, 4}, 60, {}, rng);
  }
  EXPECT_EQ(texts[0], texts[1]);
}

TEST(GenerateWithReader, AHookSeesTheWholeModel) {
  struct Count : Hook {
    Tensor on_activation(const HookSite&, const Tensor& x) override {
      ++seen;
      return x;
    }
    int seen = 0;
  };
  const TransformerLM model(random_config("learned"));
  Count hook;
  Rng rng(1);
  generate(model, std::vector<std::int32_t>{1}, 10, {}, rng);
  EXPECT_EQ(hook.seen, 10 * 2 * 2);  // weights and z of two layers
}

// A layer that the decoder does not support: generation is slower, but correct.
TEST(GenerateWithReader, AModelItDoesNotKnowIsRunWhole) {
  struct Larger : TransformerLM {
    Larger() : TransformerLM(random_config("learned")), more{this, "more", {3}, Init::zeros()} {}
    Param more;
  };
  const Larger model;
  Rng a(1), b(1);
  EXPECT_EQ(generate(model, std::vector<std::int32_t>{1}, 50, {}, a),
            generate_full_context(model, std::vector<std::int32_t>{1}, 50, {}, b));
}

}  // namespace
}  // namespace headlight
