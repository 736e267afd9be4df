// This process and the machine it runs on: memory and time.
#pragma once

#include "headlight/base/index.h"

namespace headlight {

// The most memory this process ever had resident, in bytes; 0 where that is unknown.
Index peak_memory_bytes();
// The memory of the machine, in bytes; 0 where that is unknown.
Index machine_memory_bytes();
// Seconds on a clock that never goes back; only differences mean anything.
double monotonic_seconds();

}  // namespace headlight
