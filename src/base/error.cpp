#include "headlight/base/error.h"

namespace headlight {

constinit thread_local LayerPath* LayerScope::current_ = nullptr;

std::string LayerPath::text() const {
  // The root of all paths has no name and no outer path.
  return outer && outer->outer ? cat(outer->text(), ".", name) : name;
}

LayerScope::LayerScope(const std::string& name) : outer_(current_) {
  thread_local LayerPath root;
  LayerPath& parent = current_ ? *current_ : root;
  for (LayerPath& path : parent.inner) {
    if (path.name != name) continue;
    current_ = &path;
    return;
  }
  parent.inner.push_back(LayerPath{name, &parent, {}});
  current_ = &parent.inner.back();
}

void fail_with(const std::string& message) {
  const std::string path = LayerScope::path();
  throw Error(path.empty() ? message : cat(path, ": ", message));
}

}  // namespace headlight
