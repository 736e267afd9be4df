// Paired comparisons of heads with baselines, on differences with known mean, spread and signs.
#include "heads/seeds/seed_compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "headlight/base/random.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

using Values = std::vector<double>;

PairedComparison compared(const Values& differences) {
  return compare_pairs(differences, Values(differences.size(), 0.0));
}

TEST(SeedCompare, AConstantDifferenceIsCertainHoweverSeedsDiffer) {
  // The values of heads and of baselines both vary by 0.9, far more than their difference of 0.1, so separate intervals
  // overlap.
  Values heads, baselines;
  for (int i = 0; i < 10; ++i) {
    baselines.push_back(0.1 * i);
    heads.push_back(0.1 * i + 0.1);
  }
  ASSERT_LT(bootstrap_seeds(heads).low, bootstrap_seeds(baselines).high) << "the intervals must overlap";
  const PairedComparison c = compare_pairs(heads, baselines);
  EXPECT_NEAR(c.difference.mean, 0.1, 1e-12);
  EXPECT_NEAR(c.difference.low, 0.1, 1e-12);
  EXPECT_NEAR(c.difference.high, 0.1, 1e-12);
  EXPECT_EQ(c.higher, 10);
  EXPECT_EQ(c.lower + c.same, 0);
  EXPECT_NEAR(c.p, 2.0 / 1024, 1e-12);
  EXPECT_EQ(verdict_of(c), "higher");
  EXPECT_EQ(sentence_of(c, "index, heads less chance", "heads are"),
            "index, heads less chance: 0.100 [0.100, 0.100] on average over seeds, above 0 in 10 of 10 (sign test p "
            "0.002): heads are higher");
  const PairedComparison other = compare_pairs(baselines, heads);
  EXPECT_EQ(verdict_of(other), "lower");
  EXPECT_TRUE(contains(sentence_of(other, "x", "heads are"),
                       "-0.100 [-0.100, -0.100] on average over seeds, above 0 in 0 of 10, below in 10"));
}

TEST(SeedCompare, PairingMattersAndItsOrderDoesNot) {
  const Values heads{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8}, baselines{0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7};
  Values reversed = baselines;
  std::reverse(reversed.begin(), reversed.end());
  const PairedComparison paired = compare_pairs(heads, baselines), other = compare_pairs(heads, reversed);
  EXPECT_NEAR(paired.difference.mean, other.difference.mean, 1e-12) << "the mean does not depend on the pairing";
  EXPECT_EQ(verdict_of(paired), "higher");
  EXPECT_EQ(verdict_of(other), "not settled");
}

TEST(SeedCompare, MixedSignsSettleNothing) {
  const PairedComparison even = compared({1, -1, 2, -2, 3, -3});
  EXPECT_NEAR(even.difference.mean, 0, 1e-12);
  EXPECT_EQ(even.higher, 3);
  EXPECT_EQ(even.lower, 3);
  EXPECT_EQ(even.p, 1);
  EXPECT_EQ(verdict_of(even), "not settled");
  EXPECT_TRUE(contains(sentence_of(even, "x", "heads are"), "not settled; no evidence of a difference"));
  // One extreme seed: nine of ten are above 0, but the interval of the mean includes 0.
  const PairedComparison outlier = compared({1, 1, 1, 1, 1, 1, 1, 1, 1, -30});
  EXPECT_LT(outlier.p, kSettled);
  EXPECT_EQ(verdict_of(outlier), "not settled");
  EXPECT_TRUE(contains(sentence_of(outlier, "x", "heads are"), "the seeds agree, but the interval includes 0"));
  // The mean is far above 0, because six of ten differences are large.
  const PairedComparison uneven = compared({9, 9, 9, 9, 9, 9, -1, -1, -1, -1});
  EXPECT_GT(uneven.difference.low, 0);
  EXPECT_NEAR(uneven.p, 2.0 * (1 + 10 + 45 + 120 + 210) / 1024, 1e-12);
  EXPECT_EQ(verdict_of(uneven), "not settled");
  EXPECT_TRUE(
      contains(sentence_of(uneven, "x", "heads are"), "above 0, but the sign test does not confirm the difference"));
}

TEST(SeedCompare, TheSeedsHaveToLieOnTheSideOfTheMean) {
  Values differences(20, -0.1);
  for (std::size_t i = 0; i < 5; ++i) differences[i] = 100;
  const PairedComparison c = compared(differences);
  EXPECT_GT(c.difference.low, 0);
  EXPECT_LT(c.p, kSettled) << "15 of 20 lie below 0";
  EXPECT_EQ(verdict_of(c), "not settled");
  EXPECT_TRUE(contains(sentence_of(c, "x", "heads are"), "above 0, but the sign test does not confirm the difference"));
}

TEST(SeedCompare, FiveSeedsCannotPassASignTest) {
  const PairedComparison five = compared({1, 2, 3, 4, 5}), six = compared({1, 2, 3, 4, 5, 6});
  EXPECT_NEAR(five.p, 2.0 / 32, 1e-12);
  EXPECT_EQ(verdict_of(five), "not settled");
  EXPECT_TRUE(contains(sentence_of(five, "x", "heads are"), "with 5 seeds the sign test cannot reach p below 0.06"));
  EXPECT_EQ(verdict_of(six), "higher");
  // Seeds without a difference are evidence for neither side.
  const PairedComparison ties = compared({1, 2, 3, 4, 5, 0, 1e-13});
  EXPECT_EQ(ties.same, 2);
  EXPECT_EQ(ties.higher, 5);
  EXPECT_NEAR(ties.p, 2.0 / 32, 1e-12);
  EXPECT_TRUE(contains(sentence_of(ties, "x", "heads are"), "with 5 seeds that differ the sign test cannot"));
}

TEST(SeedCompare, OneSeedProvesNothing) {
  const PairedComparison one = compared({0.5});
  EXPECT_EQ(one.p, 1);
  EXPECT_EQ(verdict_of(one), "one seed");
  EXPECT_EQ(sentence_of(one, "x", "heads are"), "x: 0.500 in a single seed, which is no evidence");
  EXPECT_TRUE(contains(error_of([] { compared({}); }), "no values"));
  EXPECT_TRUE(contains(error_of([] { compare_pairs(Values{1, 2}, Values{1}); }), "2 values and 1 baselines"));
}

// Differences with mean 1 and variance 1, measured with variance 3: the interval includes both variances.
TEST(SeedCompare, WindowsWidenTheInterval) {
  Values heads, baselines;
  std::vector<Values> replicates;
  Rng rng(8);
  for (int i = 0; i < 40; ++i) {
    baselines.push_back(i);
    heads.push_back(i + (i % 2 == 0 ? 0.0 : 2.0));
    Values& of_seed = replicates.emplace_back();
    for (int b = 0; b < 500; ++b) of_seed.push_back(heads.back() + std::sqrt(3.0) * rng.normal());
  }
  const PairedComparison narrow = compare_pairs(heads, baselines), wide = compare_pairs(heads, baselines, replicates);
  EXPECT_NEAR(narrow.difference.high - narrow.difference.low, 2 * 1.96 * std::sqrt(1.0 / 40), 0.06);
  EXPECT_NEAR(wide.difference.high - wide.difference.low, 2 * 1.96 * std::sqrt(4.0 / 40), 0.1);
  EXPECT_NEAR(wide.difference.mean, 1, 1e-12);
  // The mean of the baselines is 19.5.
  EXPECT_NEAR(compare_pairs(heads, baselines, replicates, 20.3).difference.low, 0.8, 1e-9);
  EXPECT_NEAR(compare_pairs(heads, baselines, replicates, 0, 20.7).difference.high, 1.2, 1e-9);
}

}  // namespace
}  // namespace headlight
