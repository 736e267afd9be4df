// The two-level bootstrap and the sign test.
#include "heads/seeds/seed_bootstrap.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "headlight/base/error.h"
#include "headlight/base/random.h"

namespace headlight {

Interval bootstrap_seeds(std::span<const double> values, std::span<const std::vector<double>> replicates,
                         std::uint64_t seed, int resamples) {
  if (values.empty()) fail("bootstrap: no values; give at least one");
  if (!replicates.empty() && replicates.size() != values.size())
    fail("bootstrap: ", values.size(), " values, but ", replicates.size(), " lists of replicates; give one per value");
  const auto n = static_cast<Index>(values.size());
  double mean = 0;
  std::vector<double> means_of_replicates;
  for (std::size_t i = 0; i < values.size(); ++i) {
    mean += values[i] / static_cast<double>(n);
    double sum = 0;
    if (!replicates.empty())
      for (const double r : replicates[i]) sum += r;
    const bool none = replicates.empty() || replicates[i].empty();
    means_of_replicates.push_back(none ? 0 : sum / static_cast<double>(replicates[i].size()));
  }
  Rng rng(mix64(seed));
  std::vector<double> means;
  for (int r = 0; r < resamples; ++r) {
    double sum = 0;
    for (Index k = 0; k < n; ++k) {
      const auto i = static_cast<std::size_t>(rng.below(n));
      sum += values[i];
      if (replicates.empty() || replicates[i].empty()) continue;
      const auto b = static_cast<std::size_t>(rng.below(static_cast<Index>(replicates[i].size())));
      sum += replicates[i][b] - means_of_replicates[i];
    }
    means.push_back(sum / static_cast<double>(n));
  }
  return percentile_interval(mean, std::move(means));
}

double sign_test(long a, long b) {
  const long n = a + b, few = std::min(a, b);
  double p = 0;
  for (long k = 0; k <= few; ++k)
    p += std::exp(std::lgamma(static_cast<double>(n) + 1) - std::lgamma(static_cast<double>(k) + 1) -
                  std::lgamma(static_cast<double>(n - k) + 1) - static_cast<double>(n) * std::log(2.0));
  return std::min(1.0, 2 * p);
}

}  // namespace headlight
