// TextStream: converts pieces of bytes into whole UTF-8 characters for display, and ends before a stop text.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace headlight {

class TextStream {
 public:
  // An empty `stop` never stops the stream.
  explicit TextStream(std::string stop = {}) : stop_(std::move(stop)) {}
  // Adds bytes and returns those that can be shown now. Holds back an incomplete character and any beginning of the
  // stop text. Bytes that are not UTF-8 pass unchanged.
  std::string feed(std::string_view bytes);
  // Whether the stop text has appeared; feed() returns nothing from then on.
  bool stopped() const { return stopped_; }
  // Ends the text: returns the bytes still held back, and resets the stream.
  std::string finish();

 private:
  std::string stop_, held_;
  bool stopped_ = false;
};

}  // namespace headlight
