// Profile: records how long each operation of a training step takes, by operation and by layer.
//
//   Profile profile;           // records until it is destroyed
//   ... one or more steps ...
//   for (const Profile::Event& e : profile.events()) ...
//
// Operations run one after another, so each mark ends an event that began at the previous mark. The tape marks an
// operation after recording the operation (forward) and after computing its gradients (backward); a training loop marks
// the rest. A mark reads the clock twice; without an active Profile a mark costs one branch.
#pragma once

#include <string>
#include <vector>

#include "headlight/base/error.h"

namespace headlight {

class Profile {
 public:
  enum class Phase { kForward, kBackward, kOther };
  struct Event {
    const char* name;        // name of the operation, a string literal
    const LayerPath* layer;  // layer that ran the operation, or null
    Phase phase;
    double begin, end;  // seconds since the Profile was constructed
  };

  Profile();

  // The innermost Profile of this thread, or null.
  static Profile* active() { return Scoped<Profile*>::innermost(nullptr); }
  void mark(const char* name, const LayerPath* layer, Phase phase);
  const std::vector<Event>& events() const { return events_; }

 private:
  double now() const;

  std::vector<Event> events_;
  double start_, last_ = 0;
  Scoped<Profile*> scope_{this};
};

// For training loops: ends an event that is not an operation. Does nothing without an active Profile.
inline void mark_time(const char* name) {
  if (Profile* profile = Profile::active()) profile->mark(name, nullptr, Profile::Phase::kOther);
}

const char* phase_name(Profile::Phase phase);

}  // namespace headlight
