// Intervals of means over seeds by a two-level bootstrap. The unit of replication is the seed, so seeds are resampled.
// Each seed's value is uncertain too, because it was measured on some windows of the text, so windows are resampled
// within seeds.
//
//   Seed i has the value f_i and, on resampled windows, the replicates r_i1 ... r_iB with mean m_i.
//   A resample draws n seeds with replacement and, for each, a replicate b; its mean is the mean of f_i + r_ib - m_i.
//   The interval runs from the 2.5th to the 97.5th percentile of these means.
//
// Replicates are shifted by f_i - m_i, because resampling adds noise, and noise biases values such as mutual
// information upward; only the spread of the replicates is used. The interval of a single seed comes from its windows
// alone and gives no information about other seeds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "heads/ablation/interval.h"

namespace headlight {

// `replicates` has one list per seed, or is empty. A seed with an empty list contributes its value alone.
// Errors: no values; a number of replicate lists that differs from the number of seeds.
Interval bootstrap_seeds(std::span<const double> values, std::span<const std::vector<double>> replicates = {},
                         std::uint64_t seed = 1, int resamples = 2000);

// The p of the exact two-sided sign test for a positive and b negative signs; 1 if a + b = 0.
double sign_test(long a, long b);

}  // namespace headlight
