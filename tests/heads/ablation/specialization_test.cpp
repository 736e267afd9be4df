// The specialization index, damage, double dissociations, random subspaces, and similarity of heads.
#include "heads/ablation/specialization.h"

#include <cmath>

#include "headlight/ops/ops.h"
#include "heads/ablation/head_similarity.h"
#include "heads/tiny_model.h"

namespace headlight {
namespace {

TEST(SpecializationIndex, IsOneForOneHeadARole) {
  EXPECT_NEAR(specialization_index({{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}), 1, 1e-12);
  EXPECT_NEAR(specialization_index({{5, 0}, {0, 0.1}, {0, 0}}), 1, 1e-12) << "unequal, and a head that does nothing";
  EXPECT_NEAR(specialization_index({{1, 1, 0, 0}, {0, 0, 1, 1}}), 1, 1e-12) << "each has two of its own";
}

TEST(SpecializationIndex, IsZeroWhereAllMatterAlike) {
  EXPECT_EQ(specialization_index({{1, 1}, {1, 1}}), 0);
  EXPECT_NEAR(specialization_index({{1, 2, 3}, {2, 4, 6}}), 0, 1e-12) << "in proportion";
  EXPECT_EQ(specialization_index({{0, 0}, {0, 0}}), 0);
  EXPECT_EQ(specialization_index({{1, 2}}), 0) << "a single head";
  EXPECT_EQ(specialization_index({}), 0);
}

// {{2,1},{1,2}} / 6: I = sum p log(p / (1/2 1/2)) = 2/3 log(4/3) + 1/3 log(2/3), both entropies log 2.
TEST(SpecializationIndex, IsItsFormulaInBetween) {
  const double information = 2 / 3.0 * std::log(4 / 3.0) + 1 / 3.0 * std::log(2 / 3.0);
  EXPECT_NEAR(specialization_index({{2, 1}, {1, 2}}), information / std::log(2.0), 1e-12);
}

TEST(Damage, IsTheShareOfTheStake) {
  AblationResult r;
  r.increases = {{{.mean = 0.5}, {.mean = -1}, {.mean = 1}}, {{.mean = 2}, {.mean = 0.1}, {.mean = 0}}};
  r.all = {{.mean = 2}, {.mean = 4}, {.mean = kMinStake / 2}};
  EXPECT_EQ(damage(r), (Matrix{{0.25, 0, 0}, {1, 0.025, 0}})) << "negative rises and small stakes count as nothing";
}

LossIncrease increase(double mean, double half = 0.01) { return {mean, mean - half, mean + half, 100}; }

TEST(DoubleDissociations, NeedBothDirections) {
  EXPECT_EQ(double_dissociations({{increase(1), increase(0)}, {increase(0), increase(2)}}).size(), 1u);
  EXPECT_EQ(double_dissociations({{increase(1), increase(0)}, {increase(1), increase(2)}}).size(), 0u)
      << "the second hurts both";
  EXPECT_EQ(double_dissociations({{increase(1), increase(0)}, {increase(2), increase(0)}}).size(), 0u);
  EXPECT_EQ(double_dissociations({{increase(1, 0.99), increase(0)}, {increase(0), increase(2)}}).size(), 0u)
      << "not sure of it";
  EXPECT_EQ(double_dissociations({{increase(1), increase(0, 0.1)}, {increase(0), increase(2)}}).size(), 0u)
      << "nor of the lack";
  const auto found =
      double_dissociations({{increase(1), increase(0)}, {increase(0), increase(2)}, {increase(3), increase(0)}});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].head_a, 2u) << "the one that hurts most";
  EXPECT_EQ(found[0].head_b, 1u);
  EXPECT_EQ(double_dissociations({}).size(), 0u);
}

using Subspaces = TinyModel;

TEST_F(Subspaces, AreAsManyAsHeadsAndTheSameEachTime) {
  const Bootstrap bootstrap(windows_.size(), 1, 50);
  const std::vector<PredictionSubset> subsets{all_predictions(windows_)};
  const AblationSetting setting{windows_, subsets, bootstrap};
  const std::vector<float> before = token_losses(*model_, windows_);
  const HeadMeans means(*model_, windows_);
  const auto once = ablate_subspaces(*model_, means, setting, before, 2, 7),
             again = ablate_subspaces(*model_, means, setting, before, 2, 7),
             other = ablate_subspaces(*model_, means, setting, before, 2, 8);
  ASSERT_EQ(once.size(), 2u);
  ASSERT_EQ(once[0].increases.size(), 6u);
  EXPECT_EQ(once[1].increases[4][0].mean, again[1].increases[4][0].mean);
  EXPECT_NE(once[1].increases[4][0].mean, other[1].increases[4][0].mean);
  EXPECT_NE(once[0].increases[0][0].mean, once[1].increases[0][0].mean);
  const AblationResult heads = ablate_heads(*model_, means, setting, before);
  EXPECT_EQ(heads.increases.size(), 6u);
  EXPECT_EQ(heads.all[0].mean, once[0].all[0].mean);
}

TEST(JensenShannon, OfKnownDistributions) {
  const float a[] = {1, 0, 0}, b[] = {0, 1, 0}, half[] = {0.5f, 0.5f, 0};
  EXPECT_EQ(jensen_shannon_distance(a, a, 3), 0);
  EXPECT_NEAR(jensen_shannon_distance(a, b, 3), 1, 1e-12) << "nothing in common";
  // Divergence of (1,0) and (1/2,1/2): 1/2 log2(4/3) + 1/4 log2(2/3) + 1/4 log2(2) = 0.3113 bits.
  EXPECT_NEAR(jensen_shannon_distance(a, half, 3), std::sqrt(0.311278), 1e-5);
}

TEST(Cka, OfKnownOutputs) {
  Rng rng(1);
  const Tensor a = Tensor::normal({500, 3}, 2, 1, rng);
  EXPECT_NEAR(linear_cka(a, a), 1, 1e-5);
  // Rotated (axes swapped, one turned round), scaled and moved.
  Tensor b = Tensor::empty({500, 3});
  for (Index i = 0; i < 500; ++i)
    for (Index j = 0; j < 3; ++j)
      b.data<float>()[i * 3 + j] = 5 - 3 * a.data<float>()[i * 3 + (j + 1) % 3] * (j == 0 ? -1.0f : 1.0f);
  EXPECT_NEAR(linear_cka(a, b), 1, 1e-4);
  EXPECT_LT(linear_cka(a, Tensor::normal({500, 3}, 0, 1, rng)), 0.05) << "independent";
  EXPECT_EQ(linear_cka(a, Tensor::full({500, 3}, 1)), 0) << "constant";
}

TEST_F(Subspaces, SimilarityMatricesAreSymmetricWithThemselvesAlike) {
  const HeadSimilarity s = similarity(*model_, windows_);
  ASSERT_EQ(s.attention_distance.size(), 6u);
  for (std::size_t a = 0; a < 6; ++a) {
    EXPECT_EQ(s.attention_distance[a][a], 0);
    EXPECT_EQ(s.output_cka[a][a], 1);
    for (std::size_t b = 0; b < 6; ++b) {
      EXPECT_EQ(s.attention_distance[a][b], s.attention_distance[b][a]);
      if (a == b) continue;
      EXPECT_GT(s.attention_distance[a][b], 0);
      EXPECT_LT(s.attention_distance[a][b], 1);
      EXPECT_GE(s.output_cka[a][b], 0);
      EXPECT_LE(s.output_cka[a][b], 1 + 1e-5);
    }
  }
}

}  // namespace
}  // namespace headlight
