// 95% intervals from resampled values. Every interval by bootstrap is made here, so that all mean the same.
#pragma once

#include <vector>

namespace headlight {

struct Interval {
  double mean = 0, low = 0, high = 0;
};

// The smallest value that at least this share of the values does not exceed. Error: no values.
double percentile(std::vector<double> values, double share);

// Around `mean`, from the 2.5th to the 97.5th percentile of the values; without values, of width 0.
Interval percentile_interval(double mean, std::vector<double> values);

}  // namespace headlight
