// Escaping of error messages, and the tree of layer paths behind LayerScope.
#include "headlight/base/error.h"

namespace headlight {

namespace {

// Keeps a quoted name from adding a line or sending an escape sequence to the terminal.
std::string one_line(const std::string& message) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string line;
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') line += "\\n";
    else if (byte < 0x20 || byte == 0x7F) line += {'\\', 'x', kDigits[byte / 16], kDigits[byte % 16]};
    else line += c;
  }
  return line;
}

// Returns the child `name` of `outer` (null: of the root); creates the child when its layer first runs.
LayerPath* inside(LayerPath* outer, const std::string& name) {
  thread_local LayerPath root;
  LayerPath& parent = outer ? *outer : root;
  for (LayerPath& path : parent.inner)
    if (path.name == name) return &path;
  parent.inner.push_back(LayerPath{name, &parent, {}});
  return &parent.inner.back();
}

}  // namespace

Error::Error(const std::string& message) : std::runtime_error(one_line(message)) {}

std::string LayerPath::text() const {
  // The root has no name and no outer path; it is not part of the text.
  return outer && outer->outer ? cat(outer->text(), ".", name) : name;
}

LayerScope::LayerScope(const std::string& name) : scope_(inside(current(), name)) {}

void fail_with(const std::string& message) {
  const std::string path = LayerScope::path();
  throw Error(path.empty() ? message : cat(path, ": ", message));
}

}  // namespace headlight
