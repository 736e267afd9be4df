#include "run/state.h"

#include <charconv>

#include "headlight/base/error.h"

namespace headlight {

namespace {

template <class T>
T metadata_number(const SafeTensors& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    fail(file.source(), ": no \"", key, "\" in its metadata; not a file of this program");
  T value{};
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    fail(file.source(), ": metadata \"", key, "\" is not a number");
  return value;
}

}  // namespace

Index metadata_whole(const SafeTensors& file, const std::string& key) { return metadata_number<Index>(file, key); }
double metadata_real(const SafeTensors& file, const std::string& key) { return metadata_number<double>(file, key); }

std::string real_text(double value) {
  char buffer[40];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

}  // namespace headlight
