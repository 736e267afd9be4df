// The 95% interval of an estimate, from its values on resamples.
#pragma once

#include <algorithm>
#include <vector>

#include "headlight/heads/expert_regression.h"

namespace headlight {

inline void set_interval(Estimate& estimate, std::vector<double> drawn) {
  if (drawn.empty()) return;
  std::sort(drawn.begin(), drawn.end());
  const auto at = [&](double share) {
    const auto last = static_cast<double>(drawn.size() - 1);
    return drawn[static_cast<std::size_t>(std::clamp(share * static_cast<double>(drawn.size()), 0.0, last))];
  };
  estimate.low = at(0.025);
  estimate.high = at(0.975);
}

}  // namespace headlight
