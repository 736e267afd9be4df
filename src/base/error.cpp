#include "headlight/base/error.h"

namespace headlight {

thread_local const LayerScope* LayerScope::innermost_ = nullptr;

std::string LayerScope::path() {
  std::string path;
  for (const LayerScope* scope = innermost_; scope; scope = scope->outer_) {
    path = path.empty() ? std::string(scope->name_) : cat(scope->name_, ".", path);
  }
  return path;
}

void fail_with(const std::string& message) {
  const std::string path = LayerScope::path();
  throw Error(path.empty() ? message : cat(path, ": ", message));
}

}  // namespace headlight
