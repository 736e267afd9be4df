// The median of measured times.
#pragma once

#include <algorithm>
#include <vector>

namespace headlight {

// The upper one of two in the middle; the list is not empty.
inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace headlight
