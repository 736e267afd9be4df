// Text on its way to a reader: what comes in pieces of any size leaves as whole characters, and ends before a stop text.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace headlight {

class TextStream {
 public:
  // `stop` empty: nothing stops it.
  explicit TextStream(std::string stop = {}) : stop_(std::move(stop)) {}
  // The bytes that can be shown by now: not a character that is cut short, nor what may be the beginning of the stop text.
  // Bytes that are no UTF-8 at all pass as they are.
  std::string feed(std::string_view bytes);
  // Whether the stop text came; nothing is shown from then on.
  bool stopped() const { return stopped_; }
  // What still waits, at the end. The stream is then as new.
  std::string finish();

 private:
  std::string stop_, held_;
  bool stopped_ = false;
};

}  // namespace headlight
