// Role groups of a hand-made oracle: which heads form them, what they cost, and their baseline.
#include "heads/study/head_groups.h"

#include <algorithm>
#include <cmath>

#include "heads/sources/chorus_oracle.h"
#include "heads/study/head_study.h"

namespace headlight {
namespace {

// Two heads attend to the symbol three back and share its table. A third head attends to this symbol and to the line
// break.
class GroupOracle : public ChorusOracle {
 protected:
  GroupOracle() { make({{{"back-3", 0.25}, {"back-3", 0.25}, {"topic"}, {"digit", 0}, {"back-3", 0.5, true}}}); }
  HeadStudy measured() const {
    return study_heads(*model_, data_,
                       {.untrained = 2, .untrained_ablated = 1, .subspaces = 5, .random_orders = 1, .pairs = false});
  }
  static const HeadGroup* find(const HeadStudy& study, const std::string& role) {
    const auto at =
        std::find_if(study.groups.begin(), study.groups.end(), [&](const auto& g) { return g.role == role; });
    return at == study.groups.end() ? nullptr : &*at;
  }
};

TEST_F(GroupOracle, HeadsOfOneRoleAreAblatedTogether) {
  const HeadStudy study = measured();
  EXPECT_EQ(study.heads[4].label.name(study.roles), "mixed: offset-3 + first");
  const HeadGroup* shared = find(study, "offset-3");
  ASSERT_NE(shared, nullptr);
  EXPECT_EQ(shared->heads, (std::vector<HeadId>{{0, 0}, {0, 1}, {0, 4}})) << "the mixed head is in it too";
  const HeadMeans means(*model_, windows_);
  const auto increase = [&](const std::vector<HeadId>& heads) {
    return mean_loss(ablated_losses(*model_, means, windows_, heads, Replacement::kMean)) -
           mean_loss(token_losses(*model_, windows_));
  };
  EXPECT_NEAR(shared->increase[0].mean, increase(shared->heads), 1e-6);
  EXPECT_NEAR(shared->alone, increase({{0, 0}}) + increase({{0, 1}}) + increase({{0, 4}}), 1e-6);
  EXPECT_GT(shared->increase[0].mean, 1.2 * shared->alone) << "each head compensates for the ablation of another";
  EXPECT_TRUE(shared->causal);
  const HeadGroup* first = find(study, "first");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->heads, (std::vector<HeadId>{{0, 4}}));
  // The baseline draws three of the five heads of the layer, each at most once.
  ASSERT_EQ(shared->random.size(), static_cast<std::size_t>(kRandomSets));
  std::vector<double> possible;
  for (Index a = 0; a < 5; ++a)
    for (Index b = a + 1; b < 5; ++b)
      for (Index c = b + 1; c < 5; ++c) possible.push_back(increase({{0, a}, {0, b}, {0, c}}));
  for (const double value : shared->random) {
    const auto close = [&](double other) { return std::abs(value - other) < 1e-6; };
    EXPECT_TRUE(std::any_of(possible.begin(), possible.end(), close)) << value;
  }
  EXPECT_NE(*std::min_element(shared->random.begin(), shared->random.end()),
            *std::max_element(shared->random.begin(), shared->random.end()));
  // The digit head's output is zero: the head is labeled, alone in its group, and has no effect.
  const auto digit = std::find_if(study.groups.begin(), study.groups.end(), [](const HeadGroup& g) {
    return g.heads == std::vector<HeadId>{{0, 3}};
  });
  ASSERT_NE(digit, study.groups.end());
  EXPECT_FALSE(digit->causal);
  EXPECT_NEAR(digit->increase[0].mean, 0, 1e-6);
  EXPECT_NEAR(study.causal_group_share(), 0.8, 1e-12);
}

}  // namespace
}  // namespace headlight
