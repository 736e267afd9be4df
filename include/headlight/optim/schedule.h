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
  double at(Index step) const;
};

}  // namespace headlight
