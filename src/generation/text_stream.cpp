// TextStream: searches for the stop text, and holds back bytes that may begin it or belong to an incomplete character.
#include "generation/text_stream.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace headlight {

std::string TextStream::feed(std::string_view bytes) {
  if (stopped_) return {};
  held_ += bytes;
  std::size_t pending = 0;
  if (!stop_.empty()) {
    if (const std::size_t at = held_.find(stop_); at != std::string::npos) {
      stopped_ = true;
      held_.resize(at);
      return std::exchange(held_, {});
    }
    pending = std::min(stop_.size() - 1, held_.size());
    while (pending > 0 && held_.compare(held_.size() - pending, pending, stop_, 0, pending) != 0) --pending;
  }
  pending += incomplete_utf8_tail(std::string_view(held_).substr(0, held_.size() - pending));
  std::string shown = held_.substr(0, held_.size() - pending);
  held_.erase(0, shown.size());
  return shown;
}

std::string TextStream::finish() {
  stopped_ = false;
  return std::exchange(held_, {});
}

}  // namespace headlight
