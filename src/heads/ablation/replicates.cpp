// Sums over windows, headline numbers of each resample, and their JSON.
#include "heads/ablation/replicates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "heads/pruning/pruning.h"
#include "heads/study/number_json.h"

namespace headlight {

namespace {

// [window]: a sum over the window's predictions in one subset.
using Sums = std::vector<double>;

template <class F>
Sums sums_over(const PredictionSubset& subset, Index windows, Index context, const F& value) {
  Sums sums(static_cast<std::size_t>(windows), 0.0);
  for (const Index place : subset.places)
    sums[static_cast<std::size_t>(place / context)] += value(static_cast<std::size_t>(place));
  return sums;
}

double drawn_sum(const std::vector<Index>& drawn, const Sums& sums) {
  double sum = 0;
  for (std::size_t w = 0; w < sums.size(); ++w) sum += static_cast<double>(drawn[w]) * sums[w];
  return sum;
}

double drawn_mean(const std::vector<Index>& drawn, const Sums& sums, const Sums& counts) {
  const double n = drawn_sum(drawn, counts);
  return n > 0 ? drawn_sum(drawn, sums) / n : 0;
}

// The mean is a ratio of two sums over windows, so its variance is that of the ratio estimator (D_w: sum, N_w: count):
//   sum of (D_w - mean N_w)^2 / (sum of N_w)^2
LossIncrease drawn_increase(const std::vector<Index>& drawn, const Sums& sums, const Sums& counts) {
  LossIncrease increase;
  const double n = drawn_sum(drawn, counts);
  if (!(n > 0)) return increase;
  increase.mean = drawn_sum(drawn, sums) / n;
  double squares = 0;
  for (std::size_t w = 0; w < sums.size(); ++w) {
    const double away = sums[w] - increase.mean * counts[w];
    squares += static_cast<double>(drawn[w]) * away * away;
  }
  const double error = std::sqrt(squares) / n;
  increase.low = increase.mean - 1.96 * error;
  increase.high = increase.mean + 1.96 * error;
  return increase;
}

// Rounds to six significant digits.
double six_digits(double value) {
  if (!std::isfinite(value) || value == 0) return value;
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(std::abs(value))));
  return std::isfinite(scale) ? std::round(value * scale) / scale : value;
}

}  // namespace

Replicates headline_replicates(const AblationSetting& setting, std::span<const float> before,
                               const AblationResult& by_head, std::span<const double> truth) {
  const Index windows = setting.windows.size(), context = setting.windows.context();
  const std::size_t subsets = setting.subsets.size(), heads = by_head.losses.size();
  const auto change = [&](const std::vector<float>& after) {
    return [&](std::size_t i) { return static_cast<double>(after[i]) - static_cast<double>(before[i]); };
  };
  std::vector<Sums> counts, all;
  std::vector<std::vector<Sums>> by_part(heads);  // [head][subset]
  for (const PredictionSubset& s : setting.subsets) {
    counts.push_back(sums_over(s, windows, context, [](std::size_t) { return 1.0; }));
    all.push_back(sums_over(s, windows, context, change(by_head.all_losses)));
    for (std::size_t h = 0; h < heads; ++h)
      by_part[h].push_back(sums_over(s, windows, context, change(by_head.losses[h])));
  }
  const Sums loss =
      sums_over(setting.subsets[0], windows, context, [&](std::size_t i) { return static_cast<double>(before[i]); });
  const Sums floor = truth.empty()
                         ? Sums{}
                         : sums_over(setting.subsets[0], windows, context, [&](std::size_t i) { return -truth[i]; });
  std::vector<std::size_t> strongest(subsets, 0);
  for (std::size_t s = 0; s < subsets; ++s)
    for (std::size_t h = 0; h < heads; ++h)
      if (by_head.increases[h][s].mean > by_head.increases[strongest[s]][s].mean) strongest[s] = h;

  Replicates out;
  out.strongest.resize(subsets);
  out.share.resize(subsets);
  const auto resamples = setting.bootstrap.resamples();
  for (const std::vector<Index>& drawn : resamples.first(std::min<std::size_t>(kReplicates, resamples.size()))) {
    const double mean = drawn_mean(drawn, loss, counts[0]);
    out.loss.push_back(mean);
    if (!floor.empty()) out.above_floor.push_back(mean - drawn_mean(drawn, floor, counts[0]));
    AblationResult result;  // without the subset "all"
    for (std::size_t h = 0; h < heads; ++h) {
      std::vector<LossIncrease>& increases = result.increases.emplace_back();
      for (std::size_t s = 1; s < subsets; ++s) increases.push_back(drawn_increase(drawn, by_part[h][s], counts[s]));
    }
    for (std::size_t s = 0; s < subsets; ++s) {
      const double stake = drawn_mean(drawn, all[s], counts[s]);
      if (s > 0) result.all.push_back({stake, stake, stake, 0});
      const double most = heads == 0 ? 0 : drawn_mean(drawn, by_part[strongest[s]][s], counts[s]);
      out.strongest[s].push_back(most);
      const bool at_stake = by_head.all[s].mean >= kMinStake && stake > 0;
      out.share[s].push_back(at_stake ? most / stake : std::numeric_limits<double>::quiet_NaN());
    }
    out.specialization.push_back(specialization_index(damage(result)));
    out.dissociations.push_back(static_cast<double>(double_dissociations(result.increases).size()));
  }
  return out;
}

std::vector<double> prunable_replicates(const std::vector<std::vector<float>>& losses, Index context, std::size_t heads,
                                        const Bootstrap& bootstrap) {
  std::vector<Sums> sums;
  Sums counts;
  for (const std::vector<float>& after : losses) {
    const std::size_t windows = after.size() / static_cast<std::size_t>(context);
    Sums& of_windows = sums.emplace_back(windows, 0.0);
    counts.assign(windows, 0.0);
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (std::isnan(after[i])) continue;
      of_windows[i / static_cast<std::size_t>(context)] += static_cast<double>(after[i]);
      counts[i / static_cast<std::size_t>(context)] += 1;
    }
  }
  std::vector<double> out;
  const auto resamples = bootstrap.resamples();
  for (const std::vector<Index>& drawn : resamples.first(std::min<std::size_t>(kReplicates, resamples.size()))) {
    std::vector<double> curve;
    for (const Sums& s : sums) curve.push_back(drawn_mean(drawn, s, counts));
    out.push_back(prunable_fraction(curve, heads));
  }
  return out;
}

Json to_json(const Replicates& r, std::span<const PredictionSubset> subsets) {
  Json by_subset = Json::object();
  for (std::size_t s = 0; s < std::min(subsets.size(), r.strongest.size()); ++s)
    by_subset.set(subsets[s].name, Json::object()
                                       .set("strongest", numbers_json(r.strongest[s], six_digits))
                                       .set("share", numbers_json(r.share[s], six_digits)));
  return Json::object()
      .set("loss", numbers_json(r.loss, six_digits))
      .set("above_floor", numbers_json(r.above_floor, six_digits))
      .set("specialization", numbers_json(r.specialization, six_digits))
      .set("double_dissociations", numbers_json(r.dissociations, six_digits))
      .set("prunable_fraction", numbers_json(r.prunable, six_digits))
      .set("slots", by_subset);
}

}  // namespace headlight
