// 95% percentile intervals of resampled values. Every bootstrap interval is computed here, so all use the same
// definition.
#pragma once

#include <vector>

namespace headlight {

struct Interval {
  double mean = 0, low = 0, high = 0;
};

// The smallest value v such that at least `share` of the values are <= v. Error: no values.
double percentile(std::vector<double> values, double share);

// `mean` with the 2.5th and 97.5th percentiles of the values as bounds; without values, both bounds equal `mean`.
Interval percentile_interval(double mean, std::vector<double> values);

}  // namespace headlight
