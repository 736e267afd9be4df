#include "headlight/optim/schedule.h"

#include <cmath>
#include <numbers>

namespace headlight {

double Schedule::at(Index step) const {
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
  if (decay == Decay::kConstant) return peak;
  if (step >= steps) return lowest;
  const double progress = static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);  // 0..1
  const double share = decay == Decay::kLinear ? 1 - progress : 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return lowest + share * (peak - lowest);
}

}  // namespace headlight
