// A figure of the heads beside its control, paired by seed. Two intervals over seeds say little of each other: seeds whose
// heads are selective may be those whose random subspaces are. What a claim needs is the difference within each seed.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

#include "heads/seeds/seed_bootstrap.h"

namespace headlight {

inline constexpr double kSettled = 0.05;  // the highest p of a sign test that settles something

struct PairedComparison {
  std::vector<double> differences;       // of each seed: the heads' figure less its control's
  Interval difference;                   // of their mean over seeds (seed_bootstrap.h)
  long higher = 0, lower = 0, same = 0;  // seeds in which the difference is above 0, below, none (to 1e-9)
  double p = 1;                          // of the exact two-sided sign test; `same` does not count
};

// `replicates`: of the heads' figure in each seed on resampled windows, or empty. They widen the interval by what the
// choice of windows does to the heads; controls are means over many draws on the same windows and count as they are.
// The interval is cut where figures from `lowest` to `highest`, less the controls' mean, cannot be: replicates are
// shifted, and may reach there.
// Errors: no seeds; another number of controls.
PairedComparison compare_pairs(std::span<const double> heads, std::span<const double> controls,
                               std::span<const std::vector<double>> replicates = {},
                               double lowest = -std::numeric_limits<double>::infinity(),
                               double highest = std::numeric_limits<double>::infinity());

// One of
//   higher, lower  the interval leaves 0 out and the sign test's p is at most kSettled
//   not settled    one of the two says so, or none
//   one seed       there is but one: that proves nothing
std::string verdict_of(const PairedComparison& comparison);

// "specialization index, heads less random subspaces: 0.159 [0.115, 0.203] on average over seeds, above 0 in 10 of 10 (sign
// test p 0.002): heads are higher". `what` is that before the colon, `whose` who is higher.
std::string sentence_of(const PairedComparison& comparison, const std::string& what, const std::string& whose);

}  // namespace headlight
