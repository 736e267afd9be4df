// Vocabulary: characters (or bytes) to token ids and back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "headlight/base/index.h"

namespace headlight {

class Vocabulary {
 public:
  // Every distinct character (Unicode code point) of a UTF-8 text, in code point order: id 0 is the smallest.
  // Errors: not UTF-8 (names the byte and --tokens byte), empty text. `source` begins the line.
  static Vocabulary of_text(std::string_view text, const std::string& source);
  // These characters, in this order: id i is characters[i]. Errors: none at all, one twice.
  static Vocabulary of_characters(std::u32string characters, const std::string& source);
  // All 256 bytes; any file can be encoded.
  static Vocabulary bytes();

  Index size() const { return is_bytes() ? 256 : static_cast<Index>(characters_.size()); }
  bool is_bytes() const { return characters_.empty(); }
  const std::u32string& characters() const { return characters_; }  // empty for bytes

  // Errors: not UTF-8; a character outside the vocabulary, with its position (from 1) and the vocabulary's size.
  std::vector<std::int32_t> encode(std::string_view text, const std::string& source) const;
  std::string decode(std::span<const std::int32_t> ids) const;
  // The UTF-8 bytes of one token. Error: no such id.
  std::string piece(std::int32_t id) const;
  // The token as a message shows it: 'a', '\n'; a byte as 0x0A.
  std::string name(std::int32_t id) const;

 private:
  std::u32string characters_;
  std::unordered_map<char32_t, std::int32_t> ids_;
};

}  // namespace headlight
