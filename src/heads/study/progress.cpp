// Calls of the progress callback.
#include "heads/study/progress.h"

namespace headlight {

void Progress::begin(const char* what, Index of) {
  what_ = what;
  done_ = 0;
  of_ = of;
  ask();
}

void Progress::next() {
  ++done_;
  ask();
}

void Progress::ask() const {
  if (callback_ && !callback_(what_, done_, of_))
    throw InterruptedError(cat("stopped at ", done_, " of ", of_, " ", what_));
}

}  // namespace headlight
