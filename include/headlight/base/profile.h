// Profile: where the time of a training step goes, by operation and by layer.
//
//   Profile profile;           // alive from here on
//   ... one or more steps ...
//   for (const Profile::Event& e : profile.events()) ...
//
// Operations run one after another, so each mark takes the time since the one before it: the tape marks an operation
// when it was recorded (forward) and when its gradient was computed (backward); a training loop marks the rest. Costs one
// look at the clock a mark, and nothing when no Profile is alive.
#pragma once

#include <string>
#include <vector>

#include "headlight/base/error.h"

namespace headlight {

class Profile {
 public:
  enum class Phase { kForward, kBackward, kOther };
  struct Event {
    const char* name;        // of the operation; lives as long as the program
    const LayerPath* layer;  // that ran it, or null
    Phase phase;
    double begin, end;  // seconds since the profile was made
  };

  Profile();

  // The one made last and still alive on this thread, or null.
  static Profile* active() { return Scoped<Profile*>::innermost(nullptr); }
  void mark(const char* name, const LayerPath* layer, Phase phase);
  const std::vector<Event>& events() const { return events_; }

 private:
  double now() const;

  std::vector<Event> events_;
  double start_, last_ = 0;
  Scoped<Profile*> scope_{this};
};

// For training loops: marks what is not an operation, when somebody watches.
inline void mark_time(const char* name) {
  if (Profile* profile = Profile::active()) profile->mark(name, nullptr, Profile::Phase::kOther);
}

const char* phase_name(Profile::Phase phase);

}  // namespace headlight
