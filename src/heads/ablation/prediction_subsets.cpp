// The rules that assign predictions to subsets, and the bootstrap over windows.
#include "heads/ablation/prediction_subsets.h"

#include <algorithm>
#include <utility>

#include "headlight/base/random.h"
#include "headlight/ops/ops.h"
#include "heads/ablation/interval.h"

namespace headlight {

namespace {

// Calls f(place) for each prediction.
template <class F>
void each_prediction(const HeadWindows& windows, const F& f) {
  for (std::size_t i = 0; i < windows.targets().size(); ++i)
    if (windows.targets()[i] != kIgnoredTarget) f(i);
}

}  // namespace

PredictionSubset all_predictions(const HeadWindows& windows) {
  PredictionSubset all{"all", {}};
  each_prediction(windows, [&](std::size_t i) { all.places.push_back(static_cast<Index>(i)); });
  return all;
}

std::vector<PredictionSubset> rule_subsets(const HeadWindows& windows, std::span<const std::uint8_t> rule_of_target,
                                           std::span<const std::string> rule_names) {
  std::vector<PredictionSubset> by_rule;
  for (const std::string& name : rule_names) by_rule.push_back({name, {}});
  each_prediction(windows, [&](std::size_t i) { by_rule[rule_of_target[i]].places.push_back(static_cast<Index>(i)); });
  std::erase_if(by_rule, [](const PredictionSubset& s) { return s.places.empty(); });
  return by_rule;
}

PredictionSubset role_subset(const HeadWindows& windows, const RoleMasks& masks, std::size_t role, std::string name,
                             std::span<const std::int32_t> evidence_of_target) {
  PredictionSubset subset{std::move(name), {}};
  for (const RoleMasks::Query& q : masks.queries(role)) {
    const Index place = q.window * masks.length() + q.t;
    const std::int32_t target = windows.targets()[static_cast<std::size_t>(place)];
    if (target == kIgnoredTarget) continue;
    const auto keys = masks.keys(q);
    bool decides = false;
    if (evidence_of_target.empty()) {
      decides = std::all_of(keys.begin(), keys.end(), [&](std::int32_t j) {
        return windows.inputs()[static_cast<std::size_t>(q.window * masks.length() + j)] == target;
      });
    } else if (const std::int32_t distance = evidence_of_target[static_cast<std::size_t>(place)]; distance > 0) {
      decides = std::binary_search(keys.begin(), keys.end(), static_cast<std::int32_t>(q.t + 1 - distance));
    }
    if (decides) subset.places.push_back(place);
  }
  return subset;
}

std::vector<PredictionSubset> text_subsets(const HeadWindows& windows, const TokenClasses& classes) {
  std::vector<PredictionSubset> subsets;
  for (const char* name : {"word start", "in word", "space", "other", "repeats", "same word", "closer"})
    subsets.push_back({name, {}});
  enum { kStart, kInside, kSpace, kOther, kRepeats, kSameWord, kCloser };
  std::vector<Role> roles;
  for (const Role& role : basic_roles())
    if (role.name == "induction" || role.name == "same word" || role.name == "opener") roles.push_back(role);
  const Index length = windows.context();
  std::vector<Index> keys;
  each_prediction(windows, [&](std::size_t i) {
    const auto place = static_cast<Index>(i), t = place % length;
    const auto ids =
        std::span(windows.inputs()).subspan(static_cast<std::size_t>(place - t), static_cast<std::size_t>(length));
    const std::int32_t target = windows.targets()[i];
    const auto next = static_cast<std::size_t>(target),
               now = static_cast<std::size_t>(ids[static_cast<std::size_t>(t)]);
    const int kind = classes.space[next] ? kSpace : !classes.word[next] ? kOther : classes.word[now] ? kInside : kStart;
    subsets[static_cast<std::size_t>(kind)].places.push_back(place);
    const RoleText text{.ids = ids, .classes = &classes};
    for (const Role& role : roles) {
      keys.clear();
      role.keys(text, t, keys);
      if (keys.empty()) continue;
      const std::int32_t last = ids[static_cast<std::size_t>(keys.back())];
      if (role.name == "induction" && last == target) subsets[kRepeats].places.push_back(place);
      // The last key holds the character that followed the most recent copy.
      if (role.name == "same word" && last == target) subsets[kSameWord].places.push_back(place);
      if (role.name == "opener" && classes.opener[next] == last) subsets[kCloser].places.push_back(place);
    }
  });
  std::erase_if(subsets, [](const PredictionSubset& s) { return s.places.empty(); });
  return subsets;
}

Bootstrap::Bootstrap(Index windows, std::uint64_t seed, int resamples) : windows_(windows) {
  Rng rng(mix64(seed));
  for (int r = 0; r < resamples; ++r) {
    std::vector<Index>& drawn = resamples_.emplace_back(static_cast<std::size_t>(windows), 0);
    for (Index i = 0; i < windows; ++i) ++drawn[static_cast<std::size_t>(rng.below(windows))];
  }
}

LossIncrease Bootstrap::loss_increase(std::span<const float> before, std::span<const float> after,
                                      const PredictionSubset& subset, Index context) const {
  LossIncrease increase;
  increase.predictions = static_cast<Index>(subset.places.size());
  if (subset.places.empty()) return increase;
  std::vector<double> sums(static_cast<std::size_t>(windows_)), counts(static_cast<std::size_t>(windows_));
  double sum = 0;
  for (const Index place : subset.places) {
    const auto i = static_cast<std::size_t>(place), w = static_cast<std::size_t>(place / context);
    const double change = static_cast<double>(after[i]) - static_cast<double>(before[i]);
    sums[w] += change;
    counts[w] += 1;
    sum += change;
  }
  increase.mean = sum / static_cast<double>(increase.predictions);
  std::vector<double> means;
  for (const std::vector<Index>& drawn : resamples_) {
    double s = 0, n = 0;
    for (std::size_t w = 0; w < drawn.size(); ++w) {
      s += static_cast<double>(drawn[w]) * sums[w];
      n += static_cast<double>(drawn[w]) * counts[w];
    }
    if (n > 0) means.push_back(s / n);
  }
  const Interval interval = percentile_interval(increase.mean, std::move(means));
  increase.low = interval.low;
  increase.high = interval.high;
  return increase;
}

}  // namespace headlight
