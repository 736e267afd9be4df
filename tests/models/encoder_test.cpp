// Tests of EncoderLM: the choice of hidden tokens, filling gaps, and learning from both sides.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/generation/generate.h"
#include "headlight/models/sequence_models.h"
#include "headlight/ops/ops.h"
#include "headlight/optim/optimizer.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

constexpr Index kVocabulary = 7;

TransformerConfig tiny(Index context = 16) {
  return {.vocabulary = kVocabulary, .context = context, .layers = 1, .heads = 2, .width = 16};
}

TEST(Encoder, HidesAShareOfEachSequence) {
  const EncoderLM model(tiny(40));
  constexpr Index kRows = 2000;
  const auto count = static_cast<std::size_t>(kRows * 40);
  Rng rng(3);
  std::vector<std::int32_t> ids(count);
  for (auto& id : ids) id = static_cast<std::int32_t>(rng.below(kVocabulary));
  std::vector<std::int32_t> inputs = ids, targets(count, 0);
  model.prepare(inputs, targets, kRows, rng);
  Index chosen = 0, masked = 0, changed = 0;
  std::vector<Index> at(40);
  for (std::size_t row = 0; row < count; row += 40) {
    Index of_row = 0;
    for (std::size_t i = 0; i < 40; ++i) {
      if (targets[row + i] == kIgnoredTarget) {
        ASSERT_EQ(inputs[row + i], ids[row + i]);
        continue;
      }
      ASSERT_EQ(targets[row + i], ids[row + i]);
      ++of_row;
      ++at[i];
      masked += inputs[row + i] == model.mask() ? 1 : 0;
      changed += inputs[row + i] != ids[row + i] ? 1 : 0;
    }
    ASSERT_EQ(of_row, 6) << "15% of 40";
    chosen += of_row;
  }
  const auto share = [&](Index n) { return static_cast<double>(n) / static_cast<double>(chosen); };
  EXPECT_NEAR(share(masked), 0.8, 0.02);
  EXPECT_NEAR(share(changed - masked), 0.1 * 6 / 7, 0.02) << "a random token is sometimes the same";
  for (const Index n : at)
    EXPECT_NEAR(static_cast<double>(n), 0.15 * kRows, 60) << "every place is hidden equally often";
}

TEST(Encoder, PredictionsThatDoNotCountAreNeverChosen) {
  const EncoderLM model(tiny());
  Rng rng(4);
  for (int i = 0; i < 50; ++i) {
    std::vector<std::int32_t> inputs(16, 2), targets(16, 2);
    std::fill(targets.begin() + 5, targets.end(), kIgnoredTarget);  // the tokens after the sixth are not predicted
    model.prepare(inputs, targets, 1, rng);
    EXPECT_EQ(std::count_if(targets.begin(), targets.end(), [](auto t) { return t != kIgnoredTarget; }), 1);
    EXPECT_TRUE(std::all_of(targets.begin() + 6, targets.end(), [](auto t) { return t == kIgnoredTarget; }));
  }
}

TEST(Encoder, RefusesPositionsThatAssumeAnOrder) {
  TransformerConfig c = tiny();
  c.position = "alibi";
  EXPECT_TRUE(contains(error_of([&] { EncoderLM model(c); }), "alibi positions need a model that reads from left"));
}

// A gap is the sum of its two neighbors modulo 7: neither side alone predicts it.
TEST(Encoder, LearnsATokenThatBothSidesDetermine) {
  seed_generator(1);
  TransformerConfig c = tiny(3);
  c.width = 32;
  EncoderLM model(c);
  AdamW optimizer(model.parameters(), {});
  Rng rng(2);
  const auto draw = [&](std::vector<std::int32_t>& ids, std::vector<std::int32_t>& targets) {
    ids.clear();
    targets.clear();
    for (int row = 0; row < 49; ++row) {
      const std::int32_t a = row % 7, b = row / 7;
      ids.insert(ids.end(), {a, model.mask(), b});
      targets.insert(targets.end(), {kIgnoredTarget, (a + b) % 7, kIgnoredTarget});
    }
  };
  std::vector<std::int32_t> ids, targets;
  draw(ids, targets);
  double loss = 0;
  for (int step = 0; step < 400; ++step) {
    Tape tape;
    const Tensor l = cross_entropy(model(ids, 49), targets);
    tape.backward(l);
    optimizer.step(5e-3);
    model.zero_grad();
    loss = l.item();
  }
  EXPECT_LT(loss, 0.1);
  std::vector<std::int32_t> text = {3, model.mask(), 6};
  const std::vector<FilledGap> gaps = fill_gaps(model, text);
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].place, 1u);
  EXPECT_EQ(text[1], 2);
  EXPECT_GT(gaps[0].probability[2], 0.8);
}

TEST(FillGaps, FillsTheMostCertainGapFirst) {
  seed_generator(1);
  const EncoderLM model(tiny());
  Rng rng(4);
  for (const NamedTensor& p : model.parameters())
    Tensor(p.value).copy_from(Tensor::normal(p.value.shape(), 0, 0.5, rng));
  const std::vector<std::int32_t> ids = {1, model.mask(), 3, model.mask(), model.mask(), 2};
  std::vector<std::int32_t> at_once = ids, by_one = ids;
  const std::vector<FilledGap> first = fill_gaps(model, at_once, FillOrder::kAtOnce), all = fill_gaps(model, by_one);
  ASSERT_EQ(first.size(), 3u);
  ASSERT_EQ(all.size(), 3u);
  const auto chance = [](const FilledGap& g) { return g.probability[static_cast<std::size_t>(g.token)]; };
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(first[i].round, 0);
    EXPECT_EQ(first[i].token, at_once[first[i].place]);
    EXPECT_EQ(all[i].token, by_one[all[i].place]);
    double sum = 0;
    for (const double p : all[i].probability) sum += p;
    EXPECT_NEAR(sum, 1, 1e-9);
  }
  // The gap of round 0 is the most probable one of the first pass; the other gaps are predicted with its token in
  // place.
  const auto surest =
      std::max_element(first.begin(), first.end(), [&](auto& a, auto& b) { return chance(a) < chance(b); });
  std::vector<Index> rounds;
  for (const FilledGap& g : all) rounds.push_back(g.round);
  EXPECT_EQ(all[static_cast<std::size_t>(surest - first.begin())].round, 0);
  std::sort(rounds.begin(), rounds.end());
  EXPECT_EQ(rounds, (std::vector<Index>{0, 1, 2}));
  const auto last = std::max_element(all.begin(), all.end(), [](auto& a, auto& b) { return a.round < b.round; });
  std::vector<std::int32_t> known = by_one;
  known[last->place] = model.mask();
  EXPECT_EQ(fill_gaps(model, known)[0].probability, last->probability);
}

TEST(FillGaps, RefusesTextsWithoutGapsAndOtherModels) {
  const EncoderLM model(tiny());
  std::vector<std::int32_t> ids = {1, 2};
  EXPECT_TRUE(contains(error_of([&] { fill_gaps(model, ids); }), "no gap"));
  ids.assign(17, model.mask());
  EXPECT_TRUE(contains(error_of([&] { fill_gaps(model, ids); }), "17 tokens, but the model reads 16"));
  ids = {1, static_cast<std::int32_t>(kVocabulary)};
  const TransformerLM causal(tiny());
  EXPECT_TRUE(contains(error_of([&] { fill_gaps(causal, ids); }), "train one with --model encoder"));
}

}  // namespace
}  // namespace headlight
