// Prediction subsets by text, role and rule, and bootstrap intervals on them.
#include "heads/ablation/prediction_subsets.h"

#include <algorithm>
#include <cmath>

#include "headlight/ops/ops.h"
#include "heads/tiny_model.h"

namespace headlight {
namespace {

// The characters predicted by the subset with this name, in one window that is the whole text.
std::string predicted(const std::string& text, const std::string& name) {
  const Vocabulary vocabulary = Vocabulary::of_text(text, "text");
  const HeadWindows windows({vocabulary.encode(text, "text"), {}}, static_cast<Index>(text.size()) - 1, 1);
  std::string found;
  for (const PredictionSubset& s : text_subsets(windows, TokenClasses(vocabulary)))
    if (s.name == name)
      for (const Index place : s.places) found += text[static_cast<std::size_t>(place) + 1];
  return found;
}

TEST(TextSlots, AreByWhatComesNext) {
  const std::string text = "xa cat, (and the) cats.\n";
  EXPECT_EQ(predicted(text, "word start"), "catc");
  EXPECT_EQ(predicted(text, "in word"), "aatndheats");
  EXPECT_EQ(predicted(text, "space"), "    \n");
  EXPECT_EQ(predicted(text, "other"), ",().");
  EXPECT_EQ(predicted(text, "closer"), ")");
}

TEST(TextSlots, RepeatsAndSameWord) {
  // The second "tom had" is predictable from its third character on: "to" occurred once before, followed by "m".
  EXPECT_EQ(predicted("tom had. tom had", "repeats"), "m had");
  EXPECT_EQ(predicted("tommy, tomb, tommy", "same word"), "y")
      << "the latest copy of tom goes on with b, that of tomm with y";
  EXPECT_EQ(predicted("abcdefg", "repeats"), "");
}

TEST(RoleSlots, AreWhereTheKeysHoldWhatComesNext) {
  const std::string text = "tom had. tom had";
  const Vocabulary vocabulary = Vocabulary::of_text(text, "text");
  const TokenClasses classes(vocabulary);
  const HeadWindows windows({vocabulary.encode(text, "text"), {}}, 15, 1);
  const RoleMasks masks(basic_roles(), {windows.inputs(), &classes}, 15);
  std::size_t induction = 0;
  while (basic_roles()[induction].name != "induction") ++induction;
  const PredictionSubset decided = role_subset(windows, masks, induction, "induction", {});
  std::string found;
  for (const Index place : decided.places) found += text[static_cast<std::size_t>(place) + 1];
  EXPECT_EQ(found, "m had");
  // With evidence, the subset has only the queries whose keys include the evidence. The target of query 10 copies the
  // m at place 2.
  std::vector<std::int32_t> evidence(15, 0);
  evidence[10] = 9;
  evidence[11] = 3;
  EXPECT_EQ(role_subset(windows, masks, induction, "induction", evidence).places, (std::vector<Index>{10}));
}

TEST(RuleSlots, ShareOutThePredictions) {
  const std::string text = "abcdefgh";
  const Vocabulary vocabulary = Vocabulary::of_text(text, "text");
  const HeadWindows windows({vocabulary.encode(text, "text"), {}}, 7, 1);
  const std::vector<std::uint8_t> rule{0, 2, 2, 0, 0, 2, 0};
  const std::vector<std::string> names{"a", "b", "c"};
  const std::vector<PredictionSubset> subsets = rule_subsets(windows, rule, names);
  ASSERT_EQ(subsets.size(), 2u) << "rule b predicts nothing";
  EXPECT_EQ(subsets[1].name, "c");
  EXPECT_EQ(subsets[1].places, (std::vector<Index>{1, 2, 5}));
  EXPECT_EQ(all_predictions(windows).places.size(), 7u);
}

TEST(Bootstrap, ContainsTheMeanAndNarrowsWithWindows) {
  Rng rng(1);
  const auto interval = [&](Index windows) {
    std::vector<float> before(static_cast<std::size_t>(4 * windows), 1.0f), after = before;
    PredictionSubset subsets{"some", {}};
    for (std::size_t i = 0; i < after.size(); i += 2) {
      after[i] += static_cast<float>(0.5 + 0.2 * rng.normal());
      subsets.places.push_back(static_cast<Index>(i));
    }
    return Bootstrap(windows, 3).loss_increase(before, after, subsets, 4);
  };
  const LossIncrease few = interval(20), many = interval(2000);
  EXPECT_EQ(many.predictions, 4000);
  EXPECT_NEAR(many.mean, 0.5, 0.02);
  EXPECT_LT(many.low, many.mean);
  EXPECT_GT(many.high, many.mean);
  // The half-width is 1.96 x 0.2 / sqrt(4000).
  EXPECT_NEAR((many.high - many.low) / 2, 1.96 * 0.2 / std::sqrt(4000.0), 0.0015);
  EXPECT_GT(few.high - few.low, 5 * (many.high - many.low));
}

TEST(Bootstrap, OfNothingAndOfOneWindow) {
  const std::vector<float> before{1, 1}, after{2, 2};
  const LossIncrease none = Bootstrap(1, 1).loss_increase(before, after, {"none", {}}, 2);
  EXPECT_EQ(none.predictions, 0);
  EXPECT_EQ(none.mean, 0);
  const LossIncrease one = Bootstrap(1, 1).loss_increase(before, after, {"all", {0, 1}}, 2);
  EXPECT_EQ(one.mean, 1);
  EXPECT_EQ(one.low, 1);
  EXPECT_EQ(one.high, 1);
}

}  // namespace
}  // namespace headlight
