// GPT-2's byte-to-character table: bytes that are printable in Latin-1 map to themselves, all others (controls, space,
// 0x7F to 0xA0, 0xAD) to U+0100, U+0101, ... in order.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/utf8.h"

namespace headlight {

inline const std::array<char32_t, 256>& byte_characters() {
  static const std::array<char32_t, 256> characters = [] {
    std::array<char32_t, 256> all{};
    char32_t next = 0x100;
    for (char32_t byte = 0; byte < 256; ++byte) {
      const bool printable = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
      all[byte] = printable ? byte : next++;
    }
    return all;
  }();
  return characters;
}

// Maps each byte to its character; returns UTF-8.
inline std::string bytes_to_characters(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) append_utf8(text, byte_characters()[static_cast<unsigned char>(c)]);
  return text;
}

}  // namespace headlight
