#include "headlight/base/profile.h"

#include "headlight/base/process.h"

namespace headlight {

Profile::Profile() : start_(monotonic_seconds()) {}

double Profile::now() const { return monotonic_seconds() - start_; }

void Profile::mark(const char* name, const LayerPath* layer, Phase phase) {
  const double end = now();
  events_.push_back({name, layer, phase, last_, end});
  last_ = now();  // the growth of the list is nobody's time
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
