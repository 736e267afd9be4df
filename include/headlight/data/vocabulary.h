// Vocabulary: the mapping between characters (or bytes) and token ids.
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
  // Errors, each beginning with `source`: invalid UTF-8 (gives the byte offset and suggests --tokens byte), empty text.
  static Vocabulary of_text(std::string_view text, const std::string& source);
  // The id of characters[i] is i. Errors: no characters, a duplicate.
  static Vocabulary of_characters(std::u32string characters, const std::string& source);
  // All 256 byte values, with the byte as its id. Any file can be encoded.
  static Vocabulary bytes();

  Index size() const { return is_bytes() ? 256 : static_cast<Index>(characters_.size()); }
  bool is_bytes() const { return characters_.empty(); }
  const std::u32string& characters() const { return characters_; }  // empty for bytes

  // Errors: invalid UTF-8; a character outside the vocabulary (gives its position, counted from 1, and the vocabulary's
  // size).
  std::vector<std::int32_t> encode(std::string_view text, const std::string& source) const;
  std::string decode(std::span<const std::int32_t> ids) const;
  // The UTF-8 bytes of one token. Error: an id outside 0..size()-1.
  std::string piece(std::int32_t id) const;
  // The token as it is printed in messages: 'a', '\n'; a byte as 0x0A. Error: as for piece().
  std::string name(std::int32_t id) const;

 private:
  std::u32string characters_;
  std::unordered_map<char32_t, std::int32_t> ids_;
};

}  // namespace headlight
