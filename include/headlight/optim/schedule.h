// The learning rate over a run: a linear warm-up, then a decay.
#pragma once

#include "headlight/base/index.h"

namespace headlight {

enum class Decay { kCosine, kLinear, kConstant };

struct Schedule {
  double peak = 1e-3;
  double lowest = 1e-4;  // where the decay ends
  Index warmup = 100;    // steps from 0 to the peak
  Index steps = 2000;    // of the whole run
  Decay decay = Decay::kCosine;

  // For step 0, 1, ...: peak (step + 1) / (warmup + 1) while step < warmup; the peak at step = warmup; `lowest` from
  // step = steps on; in between half a cosine or a straight line. With kConstant the peak from step = warmup on.
  // Errors: those of check(), a negative step.
  double at(Index step) const;
  // Error: rates that are no numbers from 0 up or in the wrong order, a negative warm-up, no steps.
  void check() const;
};

}  // namespace headlight
