// Headline numbers on resampled windows, from hand-made losses.
#include "heads/ablation/replicates.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "heads/tiny_model.h"

namespace headlight {
namespace {

class ReplicatesOf : public TinyModel {
 protected:
  // Predictions at even places belong to subset a, all others to b.
  ReplicatesOf() {
    subsets_ = {all_predictions(windows_), {"a", {}}, {"b", {}}};
    for (const Index place : subsets_[0].places) subsets_[place % 2 == 0 ? 1 : 2].places.push_back(place);
    before_.assign(windows_.targets().size(), 1.0f);
  }
  // Ablating head 0 costs `of(window)` on a. Ablating head 1 costs one nat on b and `other(window)` on a. Ablating both
  // costs the sum.
  Replicates replicates(
      const std::function<double(Index)>& of, std::span<const double> truth = {},
      const std::function<double(Index)>& other = [](Index) { return 0.0; }) {
    AblationResult result;
    result.losses.assign(2, before_);
    result.all_losses = before_;
    for (Index i = 0; i < static_cast<Index>(before_.size()); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const float cost = i % 2 == 0 ? static_cast<float>(of(i / windows_.context())) : 1.0f;
      result.losses[static_cast<std::size_t>(i % 2)][at] += cost;
      result.all_losses[at] += cost;
      if (i % 2 != 0) continue;
      const auto more = static_cast<float>(other(i / windows_.context()));
      result.losses[1][at] += more;
      result.all_losses[at] += more;
    }
    const AblationSetting setting{windows_, subsets_, bootstrap_};
    for (const auto& losses : result.losses) result.increases.push_back(setting.increases(before_, losses));
    result.all = setting.increases(before_, result.all_losses);
    return headline_replicates(setting, before_, result, truth);
  }

  std::vector<PredictionSubset> subsets_;
  std::vector<float> before_;
  const Bootstrap bootstrap_{windows_.size(), 1};
};

double deviation(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double v : values) sum += v, squares += v * v;
  const auto n = static_cast<double>(values.size());
  return std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n)));
}

TEST_F(ReplicatesOf, NothingVariesWhereWindowsAreAlike) {
  const Replicates r = replicates([](Index) { return 1.0; });
  ASSERT_EQ(r.loss.size(), static_cast<std::size_t>(kReplicates));
  for (std::size_t i = 0; i < r.loss.size(); ++i) {
    EXPECT_NEAR(r.loss[i], 1, 1e-9);
    EXPECT_NEAR(r.specialization[i], 1, 1e-9) << "each has its own";
    EXPECT_EQ(r.dissociations[i], 1);
    EXPECT_NEAR(r.strongest[1][i], 1, 1e-6);
    EXPECT_NEAR(r.share[2][i], 1, 1e-6);
  }
  EXPECT_TRUE(r.above_floor.empty());
}

TEST_F(ReplicatesOf, SpreadAsTheMeansOfWindows) {
  // A window costs 0 or 2 nats, so the mean over W windows has standard deviation 1 / sqrt(W).
  for (std::size_t i = 0; i < before_.size(); ++i)
    before_[i] = (static_cast<Index>(i) / windows_.context()) % 2 == 0 ? 0.0f : 2.0f;
  const std::vector<double> truth(before_.size(), -0.5);
  const Replicates r = replicates([](Index w) { return w % 2 == 0 ? 0.0 : 2.0; }, truth);
  const double expected = 1 / std::sqrt(static_cast<double>(windows_.size()));
  EXPECT_NEAR(deviation(r.loss), expected, 0.25 * expected);
  EXPECT_NEAR(deviation(r.strongest[1]), expected, 0.25 * expected);
  for (std::size_t i = 0; i < r.loss.size(); ++i) EXPECT_NEAR(r.above_floor[i], r.loss[i] - 0.5, 1e-9);
  EXPECT_LT(*std::min_element(r.dissociations.begin(), r.dissociations.end()), 1.5);
  const Json json = to_json(r, subsets_);
  EXPECT_EQ(JsonView(json, "r").at("slots").at("a").at("share").size(), kReplicates);
}

// A dissociation counts if the interval, mean +- 1.96 standard errors, lies above kHurts for one head and below kHurts
// for the other. This test computes the intervals from the resamples. The costs are close to kHurts, so an interval
// that is wider or narrower by a tenth would change some decisions.
TEST_F(ReplicatesOf, IntervalsHaveTheirWidth) {
  const auto cost = [](Index w) { return 0.05 * std::sin(static_cast<double>(w + 1)); };
  const auto bounds = [&](double middle, double width) {
    std::vector<double> found;
    for (const std::vector<Index>& drawn : bootstrap_.resamples().first(static_cast<std::size_t>(kReplicates))) {
      std::vector<double> predictions(drawn.size(), 0.0);
      for (const Index place : subsets_[1].places)
        predictions[static_cast<std::size_t>(place / windows_.context())] += 1;
      double n = 0, sum = 0, squares = 0;
      const auto each = [&](auto&& f) {
        for (std::size_t w = 0; w < drawn.size(); ++w)
          f(static_cast<double>(drawn[w]), predictions[w], middle + cost(static_cast<Index>(w)));
      };
      each([&](double times, double count, double c) { n += times * count, sum += times * count * c; });
      each([&](double times, double count, double c) {
        const double away = count * (c - sum / n);
        squares += times * away * away;
      });
      found.push_back(sum / n + width * std::sqrt(squares) / n);
    }
    return found;
  };
  const auto count = [](const std::vector<double>& of_bounds, auto&& hurts) {
    std::vector<double> found;
    for (const double bound : of_bounds) found.push_back(hurts(bound) ? 1 : 0);
    return found;
  };
  const auto above = [](double low) { return low > kHurts; };
  const auto below = [](double high) { return high < kHurts; };
  constexpr double kMore = 0.08, kLess = 0.02;
  const auto low = [&](double width) { return count(bounds(kMore, -width), above); };
  const auto high = [&](double width) { return count(bounds(kLess, width), below); };
  EXPECT_EQ(replicates([&](Index w) { return kMore + cost(w); }).dissociations, low(1.96));
  EXPECT_EQ(replicates([](Index) { return 1.0; }, {}, [&](Index w) { return kLess + cost(w); }).dissociations,
            high(1.96));
  for (const double width : {1.8, 2.1}) {
    EXPECT_NE(low(width), low(1.96)) << "the costs tell them apart";
    EXPECT_NE(high(width), high(1.96)) << "the costs tell them apart";
  }
}

TEST_F(ReplicatesOf, NothingAtStake) {
  const Replicates r = replicates([](Index) { return 0.01; });
  EXPECT_TRUE(std::isnan(r.share[1][0]));
  EXPECT_FALSE(std::isnan(r.share[2][0]));
  EXPECT_EQ(r.dissociations[0], 0);
}

}  // namespace
}  // namespace headlight
