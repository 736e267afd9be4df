// The active profile of each thread and its event list.
#include "base/profile.h"

#include "base/clock.h"

namespace headlight {

Profile::Profile() : start_(monotonic_seconds()) {}

double Profile::now() const { return monotonic_seconds() - start_; }

void Profile::mark(const char* name, const LayerPath* layer, Phase phase) {
  const double end = now();
  events_.push_back({name, layer, phase, last_, end});
  last_ = now();  // read again, so that growing the list is charged to no operation
}

const char* phase_name(Profile::Phase phase) {
  switch (phase) {
    case Profile::Phase::kForward:
      return "forward";
    case Profile::Phase::kBackward:
      return "backward";
    case Profile::Phase::kOther:
      return "other";
  }
  return "?";
}

}  // namespace headlight
