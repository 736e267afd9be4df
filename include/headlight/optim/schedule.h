// Schedule: the learning rate at each step, a linear warmup followed by a decay.
#pragma once

#include "headlight/base/index.h"

namespace headlight {

enum class Decay { kCosine, kLinear, kConstant };

struct Schedule {
  double peak = 1e-3;
  double lowest = 1e-4;  // learning rate at the end of the decay
  Index warmup = 100;    // number of warmup steps
  Index steps = 2000;    // number of steps of the run, including the warmup
  Decay decay = Decay::kCosine;

  // The learning rate at step 0, 1, ...:
  //   step < warmup            peak (step + 1) / (warmup + 1)
  //   warmup <= step < steps   from peak to `lowest` along half a cosine or a line; with kConstant, peak
  //   step >= steps            `lowest`; with kConstant, peak
  // Errors: as for check(), a negative step.
  double at(Index step) const;
  // Errors: unless 0 <= lowest <= peak < infinity, warmup below 0, steps below 1, an invalid decay.
  void check() const;
};

}  // namespace headlight
