// The monotonic clock, from the standard library.
#include "base/clock.h"

#include <chrono>

namespace headlight {

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace headlight
