// Bootstrap intervals over seeds, from values with known spread.
#include "heads/seeds/seed_bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>

#include "headlight/base/random.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

using Sets = std::vector<std::vector<double>>;

TEST(SeedBootstrap, OfValuesAlone) {
  const Interval one = bootstrap_seeds(std::vector<double>{3.0});
  EXPECT_EQ(one.low, 3);
  EXPECT_EQ(one.high, 3);
  // For values 0 and 1, a resampled mean is 0, 1/2 or 1, with probabilities 1/4, 1/2, 1/4.
  const Interval two = bootstrap_seeds(std::vector<double>{0, 1});
  EXPECT_EQ(two.mean, 0.5);
  EXPECT_EQ(two.low, 0);
  EXPECT_EQ(two.high, 1);
  // For many values, the interval is the mean +- 1.96 standard errors: 0.5 / sqrt(n) for 0 and 1 in equal shares.
  std::vector<double> many(400);
  for (std::size_t i = 0; i < many.size(); i += 2) many[i] = 1;
  const Interval wide = bootstrap_seeds(many);
  EXPECT_NEAR(wide.low, 0.5 - 1.96 * 0.025, 0.008);
  EXPECT_NEAR(wide.high, 0.5 + 1.96 * 0.025, 0.008);
  EXPECT_TRUE(contains(error_of([] { bootstrap_seeds({}); }), "no values"));
  EXPECT_TRUE(contains(error_of([] { bootstrap_seeds(std::vector<double>{1, 2}, Sets{{1}}); }), "2 values"));
}

// If seeds vary with variance a and each is measured with variance b, the mean of n seeds has variance (a + b) / n.
TEST(SeedBootstrap, BothVariancesAdd) {
  constexpr int kSeeds = 40;
  std::vector<double> values;
  Sets replicates;
  Rng rng(3);
  for (int i = 0; i < kSeeds; ++i) {
    values.push_back(i % 2 == 0 ? 9.0 : 11.0);  // variance 1
    std::vector<double>& of_seed = replicates.emplace_back();
    for (int b = 0; b < 500; ++b) of_seed.push_back(100 + 2 * rng.normal());  // variance 4, around another mean
  }
  const Interval seeds = bootstrap_seeds(values), both = bootstrap_seeds(values, replicates, 1, 4000);
  EXPECT_NEAR(seeds.high - seeds.low, 2 * 1.96 * std::sqrt(1.0 / kSeeds), 0.06);
  EXPECT_NEAR(both.high - both.low, 2 * 1.96 * std::sqrt(5.0 / kSeeds), 0.12);
  EXPECT_NEAR(both.mean, 10, 1e-12);
  EXPECT_NEAR((both.low + both.high) / 2, 10, 0.1) << "replicates add their spread, not their mean";
}

TEST(SeedBootstrap, OneSeedHasTheIntervalOfItsWindows) {
  std::vector<double> replicates;
  for (int b = 0; b <= 200; ++b) replicates.push_back(b / 200.0);  // uniform over 0 .. 1
  const Interval i = bootstrap_seeds(std::vector<double>{7}, Sets{replicates}, 1, 4000);
  EXPECT_NEAR(i.low, 7 - 0.475, 0.02);
  EXPECT_NEAR(i.high, 7 + 0.475, 0.02);
}

TEST(SignTest, OfCoins) {
  EXPECT_EQ(sign_test(0, 0), 1);
  EXPECT_NEAR(sign_test(10, 0), 2.0 / 1024, 1e-12);
  EXPECT_NEAR(sign_test(1, 9), 2.0 * 11 / 1024, 1e-12);
  EXPECT_EQ(sign_test(3, 3), 1);
}

}  // namespace
}  // namespace headlight
