// Percentiles and percentile intervals.
#include "heads/ablation/interval.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "headlight/base/error.h"

namespace headlight {

namespace {

double percentile_of_sorted(const std::vector<double>& sorted, double share) {
  const auto n = static_cast<double>(sorted.size());
  return sorted[static_cast<std::size_t>(std::clamp(std::ceil(share * n) - 1, 0.0, n - 1))];
}

}  // namespace

double percentile(std::vector<double> values, double share) {
  if (values.empty()) fail("percentile: no values; give at least one");
  std::sort(values.begin(), values.end());
  return percentile_of_sorted(values, share);
}

Interval percentile_interval(double mean, std::vector<double> values) {
  if (values.empty()) return {mean, mean, mean};
  std::sort(values.begin(), values.end());
  return {mean, percentile_of_sorted(values, 0.025), percentile_of_sorted(values, 0.975)};
}

}  // namespace headlight
