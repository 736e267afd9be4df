// Keeps the first error of registration until it can be thrown.
#include "base/registration.h"

#include <string>
#include <utility>

#include "headlight/base/error.h"

namespace headlight {

namespace {

// Empty: no error. A static inside a function, because registration may run before this file's statics are made.
std::string& kept_error() {
  static std::string message;
  return message;
}

}  // namespace

void registering(const std::function<void()>& add) {
  try {
    add();
  } catch (const Error& e) {
    if (kept_error().empty()) kept_error() = e.what();
  }
}

void check_registrations() {
  if (kept_error().empty()) return;
  throw Error(std::exchange(kept_error(), ""));
}

}  // namespace headlight
