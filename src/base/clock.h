// A monotonic clock for measuring elapsed time.
#pragma once

namespace headlight {

// Seconds since an arbitrary fixed point; only differences are meaningful.
double monotonic_seconds();

}  // namespace headlight
