// Carriers of roles and prediction subsets, and the matching of heads across seeds.
#include "heads/seeds/seed_match.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "headlight/base/random.h"

namespace headlight {
namespace {

using Rows = std::vector<std::vector<double>>;

double sum_of(const Rows& similarity, const std::vector<std::size_t>& columns) {
  double sum = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) sum += similarity[i][columns[i]];
  return sum;
}

TEST(BestAssignment, IsThatOfAllPermutations) {
  Rng rng(4);
  for (std::size_t n = 1; n <= 6; ++n) {
    for (int times = 0; times < 20; ++times) {
      Rows similarity(n, std::vector<double>(n));
      for (auto& row : similarity)
        for (double& value : row) value = rng.normal();
      std::vector<std::size_t> order(n);
      std::iota(order.begin(), order.end(), std::size_t{0});
      double best = -1e9;
      do best = std::max(best, sum_of(similarity, order));
      while (std::next_permutation(order.begin(), order.end()));
      std::vector<std::size_t> found = best_assignment(similarity);
      EXPECT_NEAR(sum_of(similarity, found), best, 1e-12);
      std::sort(found.begin(), found.end());
      EXPECT_EQ(found, order) << "each column occurs once";
    }
  }
  EXPECT_TRUE(best_assignment({}).empty());
}

TEST(ProfileSimilarity, IsOneForEqualOnesOnly) {
  const Rows s = profile_similarity({{1, 0}, {0, 0}}, {{1, 0}, {2, 0}, {0, 1}, {-1, 0}, {0, 0}});
  EXPECT_EQ(s[0], (std::vector<double>{1, 0.8, 0, -1, 0}));
  EXPECT_EQ(s[1], (std::vector<double>{0, 0, 0, 0, 0}));
}

struct Head {
  double previous, induction;  // kappa
  double a, b;                 // increase on subsets a and b
};
SeedResult seed(Index number, const std::vector<Head>& heads, int in_first_layer) {
  Json array = Json::array();
  int place = 0;
  for (const Head& h : heads) {
    const auto score = [](double kappa) { return Json::object().set("kappa", kappa).set("queries", 100); };
    const auto increase = [](double mean) { return Json::object().set("mean", mean); };
    const int layer = place < in_first_layer ? 0 : 1;
    array.push(
        Json::object()
            .set("head", head_name(layer, layer == 0 ? place : place - in_first_layer))
            .set("label", Json())
            .set("closest_role", h.previous > h.induction ? "previous" : "induction")
            .set("roles", Json::object().set("previous", score(h.previous)).set("induction", score(h.induction)))
            .set("rise",
                 Json::object().set("all", increase((h.a + h.b) / 2)).set("a", increase(h.a)).set("b", increase(h.b))));
    ++place;
  }
  const auto subset = [](const char* name, double stake) {
    return Json::object().set("name", name).set("loss", 1.0).set("loss_without_heads", 1 + stake);
  };
  const Json study = Json::object()
                         .set("heads", array)
                         .set("slots", Json::array().push(subset("all", 2)).push(subset("a", 4)).push(subset("b", 2)));
  SeedResult result;
  result.seed = number;
  result.loss = 1;
  result.figures = seed_figures(JsonView(study, "study"));
  return result;
}
const Head kPrevious{0.9, 0.0, 2, 0}, kInduction{0.1, 0.8, 0, 1}, kIdle{0, 0.1, 0.1, -0.1};

TEST(Carriers, AreTheStrongest) {
  const std::vector<SeedResult> seeds{seed(1, {kPrevious, kIdle, kInduction}, 2),
                                      seed(2, {kIdle, kInduction, kPrevious}, 1)};
  const std::vector<Carrier> all = carriers(seeds);
  ASSERT_EQ(all.size(), 8u) << "subsets a and b, roles previous and induction, two seeds";
  EXPECT_EQ(all[0].name, "a");
  EXPECT_EQ(all[0].head, (HeadId{0, 0}));
  EXPECT_EQ(all[0].role, "previous");
  EXPECT_NEAR(all[0].share, 0.5, 1e-12);
  EXPECT_EQ(all[0].second, (HeadId{0, 1}));
  EXPECT_NEAR(all[0].second_share, 0.025, 1e-12);
  EXPECT_EQ(all[1].seed, 2);
  EXPECT_EQ(all[1].head, (HeadId{1, 1}));
  EXPECT_FALSE(all[3].is_role);
  EXPECT_EQ(all[3].head, (HeadId{1, 0})) << "subset b in seed 2";
  EXPECT_TRUE(all[4].is_role);
  EXPECT_EQ(all[4].name, "previous");
  EXPECT_EQ(all[7].kappa, 0.8);
  EXPECT_NEAR(all[7].increase, 0.5, 1e-12) << "over all predictions";
}

TEST(MatchSeeds, FindsTheSameHeadsInAnotherOrder) {
  const std::vector<SeedResult> seeds{seed(1, {kPrevious, kIdle, kInduction}, 2),
                                      seed(2, {kIdle, kInduction, kPrevious}, 2)};
  const std::vector<SeedPair> pairs = match_seeds(seeds);
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_NEAR(pairs[0].matched, 1, 1e-12);
  EXPECT_NEAR(pairs[0].same_layer, 1.0 / 3, 1e-12) << "only the idle one stayed in its layer";
  EXPECT_LT(pairs[0].unmatched, 0.5);
  EXPECT_LT(pairs[0].shuffled, 1) << "shuffled profiles match less well";
  EXPECT_GT(pairs[0].shuffled, pairs[0].unmatched) << "matching finds similar heads even in shuffled profiles";
  // Where heads do not recur, the match is no better than that of shuffled ones.
  Rng rng(6);
  const auto any = [&](Index number) {
    std::vector<Head> heads;
    for (int i = 0; i < 12; ++i) heads.push_back({rng.uniform(), rng.uniform(), rng.uniform(), rng.uniform()});
    return seed(number, heads, 6);
  };
  const std::vector<SeedPair> random = match_seeds(std::vector<SeedResult>{any(1), any(2), any(3), any(4)});
  ASSERT_EQ(random.size(), 6u);
  const Interval matched = interval_of_pairs(random, &SeedPair::matched),
                 shuffled = interval_of_pairs(random, &SeedPair::shuffled);
  EXPECT_NEAR(matched.mean, shuffled.mean, 0.03);
  EXPECT_LE(matched.low, matched.mean);
  EXPECT_GE(matched.high, matched.mean);
}

TEST(MatchSeeds, OneHeadAndNone) {
  const std::vector<SeedPair> one =
      match_seeds(std::vector<SeedResult>{seed(1, {kPrevious}, 1), seed(2, {kPrevious}, 1)});
  ASSERT_EQ(one.size(), 1u);
  EXPECT_NEAR(one[0].matched, 1, 1e-12);
  EXPECT_TRUE(match_seeds(std::vector<SeedResult>{seed(1, {}, 0), seed(2, {}, 0)}).empty());
  EXPECT_TRUE(carriers(std::vector<SeedResult>{seed(1, {}, 0)}).empty());
  EXPECT_TRUE(!carriers(std::vector<SeedResult>{seed(1, {kPrevious}, 1)})[0].second);
}

}  // namespace
}  // namespace headlight
