// Errors of registration. A program may register models and parts before main(), where an exception would abort the
// program. The tables therefore keep the error, and command_line() or the first look-up throws it.
#pragma once

#include <functional>

namespace headlight {

// Runs `add`. Catches an Error, and keeps it if no other error is kept.
void registering(const std::function<void()>& add);

// Throws the kept error and forgets it; does nothing if there is none.
void check_registrations();

}  // namespace headlight
