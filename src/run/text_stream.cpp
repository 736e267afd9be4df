#include "headlight/run/text_stream.h"

#include <algorithm>
#include <utility>

namespace headlight {

namespace {

// How many bytes at the end begin a character that is not complete.
std::size_t cut_short(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;  // goes on with a character
    const std::size_t length = byte >= 0xF0 && byte <= 0xF4  ? 4
                               : byte >= 0xE0 && byte < 0xF0 ? 3
                               : byte >= 0xC2                ? 2
                                                             : 1;
    return byte <= 0xF4 && length > back ? back : 0;
  }
  return 0;
}

}  // namespace

std::string TextStream::feed(std::string_view bytes) {
  if (stopped_) return {};
  held_ += bytes;
  std::size_t waits = 0;
  if (!stop_.empty()) {
    if (const std::size_t at = held_.find(stop_); at != std::string::npos) {
      stopped_ = true;
      held_.resize(at);
      return std::exchange(held_, {});
    }
    waits = std::min(stop_.size() - 1, held_.size());
    while (waits > 0 && held_.compare(held_.size() - waits, waits, stop_, 0, waits) != 0) --waits;
  }
  waits += cut_short(std::string_view(held_).substr(0, held_.size() - waits));
  std::string shown = held_.substr(0, held_.size() - waits);
  held_.erase(0, shown.size());
  return shown;
}

std::string TextStream::finish() {
  stopped_ = false;
  return std::exchange(held_, {});
}

}  // namespace headlight
