// Percentiles and every function that makes a percentile interval; both bounds are checked from both sides.
#include "heads/ablation/interval.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "headlight/base/random.h"
#include "heads/ablation/prediction_subsets.h"
#include "heads/seeds/seed_bootstrap.h"
#include "heads/seeds/seed_compare.h"
#include "heads/seeds/seed_match.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

std::vector<double> one_to(int n) {
  std::vector<double> values;
  for (int i = 1; i <= n; ++i) values.push_back(i);
  std::reverse(values.begin(), values.end());
  std::swap(values[0], values[values.size() / 2]);
  return values;
}

TEST(Percentile, IsTheSmallestThatSoManyDoNotExceed) {
  EXPECT_EQ(percentile({3, 1, 2}, 0.5), 2);
  EXPECT_EQ(percentile({3, 1, 2}, 0.99), 3);
  EXPECT_EQ(percentile({7}, 0.01), 7);
  EXPECT_EQ(percentile(one_to(100), 0.99), 99);
  EXPECT_EQ(percentile(one_to(100), 0), 1);
  EXPECT_EQ(percentile(one_to(100), 1), 100);
  EXPECT_TRUE(contains(error_of([] { percentile({}, 0.5); }), "percentile: no values; give at least one"));
}

TEST(PercentileInterval, CutsOffATwentiethInAll) {
  for (const int n : {1000, 2000, 4000}) {
    const Interval i = percentile_interval(n / 3.0, one_to(n));
    EXPECT_EQ(i.mean, n / 3.0);
    EXPECT_EQ(i.low, n / 40);
    EXPECT_EQ(i.high, n - n / 40);
  }
  const Interval few = percentile_interval(2, one_to(39));
  EXPECT_EQ(few.low, 1);
  EXPECT_EQ(few.high, 39);
  const Interval none = percentile_interval(5, {});
  EXPECT_EQ(none.low, 5);
  EXPECT_EQ(none.high, 5);
}

// Expects that 2.5% of the resampled values lie below i.low and 97.5% below i.high, up to `within`. `values` maps each
// possible value to its weight.
void expect_bounds(const Interval& i, const std::map<double, double>& values, double within) {
  double all = 0;
  for (const auto& [value, weight] : values) all += weight;
  const auto below = [&](double bound) {
    double sum = 0;
    for (const auto& [value, weight] : values)
      if (value < bound) sum += weight;
    return sum / all;
  };
  EXPECT_NEAR(below(i.low), 0.025, within);
  EXPECT_NEAR(below(i.high), 0.975, within);
}

// Calls f(counts) for all n^n ways to draw n items with replacement; counts[i] is how often item i was drawn.
template <class F>
void each_draw(int n, const F& f) {
  std::vector<int> which(static_cast<std::size_t>(n), 0);
  for (;;) {
    std::vector<double> drawn(which.size(), 0.0);
    for (const int w : which) drawn[static_cast<std::size_t>(w)] += 1;
    f(drawn);
    std::size_t digit = 0;
    while (digit < which.size() && ++which[digit] == n) which[digit++] = 0;
    if (digit == which.size()) return;
  }
}

// Six values whose sums all differ, so that the resampled means lie close together.
const std::vector<double> kSix{0.11, 0.53, 0.97, 1.42, 2.29, 3.61};

TEST(Intervals, OverWindowsOfAText) {
  constexpr Index kWindows = 40;
  Rng rng(7);
  std::vector<float> before(kWindows, 0.0f), after;
  PredictionSubset all{"all", {}};
  for (Index w = 0; w < kWindows; ++w) {
    after.push_back(static_cast<float>(rng.normal()));
    all.places.push_back(w);
  }
  const Bootstrap bootstrap(kWindows, 3);
  const LossIncrease increase = bootstrap.loss_increase(before, after, all, 1);
  std::vector<double> means;
  for (const std::vector<Index>& drawn : bootstrap.resamples()) {
    double sum = 0;
    for (std::size_t w = 0; w < drawn.size(); ++w)
      sum += static_cast<double>(drawn[w]) * static_cast<double>(after[w]) / kWindows;
    means.push_back(sum);
  }
  std::sort(means.begin(), means.end());
  ASSERT_EQ(means.size(), 1000u);
  EXPECT_NEAR(increase.low, means[24], 1e-9);
  EXPECT_NEAR(increase.high, means[974], 1e-9);
  for (const std::size_t bound : {std::size_t{24}, std::size_t{974}}) {  // a neighboring value would fail the test
    EXPECT_GT(means[bound] - means[bound - 1], 1e-8);
    EXPECT_GT(means[bound + 1] - means[bound], 1e-8);
  }
}

TEST(Intervals, OverSeeds) {
  std::map<double, double> means;
  each_draw(6, [&](const std::vector<double>& drawn) {
    double sum = 0;
    for (std::size_t i = 0; i < kSix.size(); ++i) sum += drawn[i] * kSix[i] / 6;
    means[sum] += 1;
  });
  expect_bounds(bootstrap_seeds(kSix, {}, 1, 40000), means, 0.004);
  // The default options, which a study uses, have fewer resamples and therefore a larger error.
  expect_bounds(bootstrap_seeds(kSix), means, 0.011);
}

TEST(Intervals, OverSeedsAndTheirWindows) {
  std::vector<double> replicates;
  for (int b = 0; b <= 1000; ++b) replicates.push_back(b / 1000.0);  // uniform over 0 .. 1
  const Interval i = bootstrap_seeds(std::vector<double>{7}, std::vector<std::vector<double>>{replicates}, 1, 40000);
  EXPECT_NEAR(i.low, 7 - 0.475, 0.004);
  EXPECT_NEAR(i.high, 7 + 0.475, 0.004);
}

TEST(Intervals, OfDifferencesWithinSeeds) {
  const std::vector<double> baselines(kSix.size(), 0.0);
  const Interval paired = compare_pairs(kSix, baselines).difference, plain = bootstrap_seeds(kSix);
  EXPECT_EQ(paired.low, plain.low);
  EXPECT_EQ(paired.high, plain.high);
}

TEST(Intervals, OverPairsOfSeeds) {
  std::vector<SeedPair> pairs;
  for (std::size_t a = 0; a < kSix.size(); ++a)
    for (std::size_t b = a + 1; b < kSix.size(); ++b) {
      SeedPair pair;
      pair.seed_a = static_cast<Index>(a), pair.seed_b = static_cast<Index>(b);
      pair.matched = kSix[a] * kSix[b];
      pairs.push_back(pair);
    }
  std::map<double, double> means;
  each_draw(6, [&](const std::vector<double>& drawn) {
    double sum = 0, weight = 0;
    for (const SeedPair& p : pairs) {
      const double times = drawn[static_cast<std::size_t>(p.seed_a)] * drawn[static_cast<std::size_t>(p.seed_b)];
      sum += times * p.matched;
      weight += times;
    }
    if (weight > 0) means[sum / weight] += 1;
  });
  expect_bounds(interval_of_pairs(pairs, &SeedPair::matched, 40000), means, 0.004);
  expect_bounds(interval_of_pairs(pairs, &SeedPair::matched), means, 0.011);
}

}  // namespace
}  // namespace headlight
