// Intervals of means over seeds. What is replicated is the training, so seeds are resampled; and what was measured of each is
// itself uncertain, because it was measured on some windows of the text, so those are resampled within each seed.
//
//   seed i has the figure f_i and, on resampled windows, the replicates r_i1 ... r_iB with mean m_i.
//   A resample draws n seeds with replacement, and for each a replicate b at random; its mean is that of f_i + r_ib - m_i.
//   The interval runs from the 2.5th to the 97.5th percentile of such means.
//
// Replicates are shifted by f_i - m_i because resampling adds noise, and noise alone raises figures such as a mutual
// information; only their spread is wanted. A single seed gives an interval from its windows alone: it says nothing of other
// seeds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "heads/ablation/interval.h"

namespace headlight {

// `replicates`: of each seed, or empty (of one, or altogether) where there are none: then the figure itself is drawn.
// Error: no values; replicates of another number of seeds.
Interval bootstrap_seeds(std::span<const double> values, std::span<const std::vector<double>> replicates = {},
                         std::uint64_t seed = 1, int resamples = 2000);

// The two-sided sign test: how likely it is that of a + b coins so few, or fewer, fall on the rarer side. 1 for none.
double sign_test(long a, long b);

}  // namespace headlight
