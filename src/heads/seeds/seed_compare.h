// Comparison of a value of the heads with its baseline, paired by seed. Comparing two separate intervals over seeds is
// not enough, because seeds with selective heads may also have selective random subspaces. Claims therefore use the
// difference within each seed.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

#include "heads/seeds/seed_bootstrap.h"

namespace headlight {

inline constexpr double kSettled = 0.05;  // the highest p of a sign test that settles a comparison

struct PairedComparison {
  std::vector<double> differences;       // [seed]: the heads' value minus the baseline's
  Interval difference;                   // mean over seeds, with its interval (seed_bootstrap.h)
  long higher = 0, lower = 0, same = 0;  // seeds with a difference > 0, < 0, = 0 (within 1e-9)
  double p = 1;                          // of the exact two-sided sign test; seeds in `same` do not count
};

// `replicates` has the heads' value in each seed on resampled windows, or is empty. Replicates add the uncertainty from
// the choice of windows to the interval. `baselines` are means over many draws on the same windows and are treated
// as exact. `lowest` and `highest` bound the heads' value. Shifted replicates can exceed these bounds, so the interval
// is clamped to lowest - b .. highest - b, where b is the mean of the baselines. Errors: no seeds; a different number
// of baselines.
PairedComparison compare_pairs(std::span<const double> heads, std::span<const double> baselines,
                               std::span<const std::vector<double>> replicates = {},
                               double lowest = -std::numeric_limits<double>::infinity(),
                               double highest = std::numeric_limits<double>::infinity());

// One of
//   higher, lower  the interval excludes 0 and the sign test's p is at most kSettled
//   not settled    at least one of these two conditions fails
//   one seed       a single seed settles nothing
std::string verdict_of(const PairedComparison& comparison);

// "specialization index, heads minus random subspaces: 0.159 [0.115, 0.203] on average over seeds, above 0 in 10 of 10
// (sign test p 0.002): heads are higher". `what` is the text before the colon; `whose` is the text before the verdict
// "higher" or "lower", here "heads are".
std::string sentence_of(const PairedComparison& comparison, const std::string& what, const std::string& whose);

}  // namespace headlight
