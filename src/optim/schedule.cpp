// The learning rate schedule.
#include "headlight/optim/schedule.h"

#include <cmath>
#include <numbers>

#include "headlight/base/error.h"

namespace headlight {

void Schedule::check() const {
  if (!(peak >= 0) || std::isinf(peak) || !(lowest >= 0 && lowest <= peak))
    fail("schedule: peak ", peak, " and lowest rate ", lowest, "; use 0 <= lowest <= peak");
  if (warmup < 0 || steps < 1)
    fail("schedule: warmup ", warmup, " and steps ", steps, "; use warmup >= 0 and steps >= 1");
  if (decay != Decay::kCosine && decay != Decay::kLinear && decay != Decay::kConstant)
    fail("schedule: no such decay; use cosine, linear or constant");
}

double Schedule::at(Index step) const {
  check();
  if (step < 0) fail("schedule: step ", step, "; steps count from 0");
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
  if (decay == Decay::kConstant) return peak;
  if (step >= steps) return lowest;
  const double progress = static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);  // 0..1
  const double share = decay == Decay::kLinear ? 1 - progress : 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return lowest + share * (peak - lowest);
}

}  // namespace headlight
