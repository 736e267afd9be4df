// UTF-8 (RFC 3629): bytes to characters (Unicode code points) and back, strictly.
//
// Not UTF-8: overlong forms, surrogates (U+D800 to U+DFFF), anything past U+10FFFF, sequences cut short.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "headlight/base/index.h"

namespace headlight {

// What some programs put at the start of a file to say that it is UTF-8: U+FEFF. It is no part of the text.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// The encoding, by the name that iconv takes, of a text that begins as UTF-16 or UTF-32 does: with a byte order mark of
// these ("UTF-16"), or as Latin text without one ("UTF-16LE"). "": no sign of either.
std::string other_encoding(std::string_view text);
// Error: the text has another encoding; the line names it and the command that converts the file at `path` ("" or "-":
// what comes through a pipe).
void refuse_other_encodings(std::string_view text, const std::string& source, const std::string& path);

// The first place where text is not UTF-8: the offset of the byte that begins the bad sequence.
struct Utf8Problem {
  Index offset;
  std::string reason;  // "0xE9 begins a character that is cut short"
};
std::optional<Utf8Problem> find_invalid_utf8(std::string_view text);

// The character at the front of some bytes, and how many of them it takes; 0 when they begin with no whole character.
// For loops over much text: inline.
inline std::size_t read_utf8(const char* at, const char* end, char32_t& character) {
  const auto byte = [&](int i) { return static_cast<unsigned char>(at[i]); };
  const auto more = [&](int i) { return (byte(i) & 0xC0) == 0x80; };
  const std::ptrdiff_t room = end - at;
  if (room < 1) return 0;
  const unsigned first = byte(0);
  if (first < 0x80) {
    character = first;
    return 1;
  }
  if (first < 0xC2 || first > 0xF4) return 0;
  if (first < 0xE0) {
    if (room < 2 || !more(1)) return 0;
    character = (first & 0x1Fu) << 6 | (byte(1) & 0x3Fu);
    return 2;
  }
  if (first < 0xF0) {
    if (room < 3 || !more(1) || !more(2)) return 0;
    character = (first & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
    return character >= 0x800 && (character < 0xD800 || character > 0xDFFF) ? 3 : 0;
  }
  if (room < 4 || !more(1) || !more(2) || !more(3)) return 0;
  character = (first & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu);
  return character >= 0x10000 && character <= 0x10FFFF ? 4 : 0;
}

// How many bytes at the end, 0 to 3, begin a character whose rest is missing.
std::size_t incomplete_utf8_tail(std::string_view text);

// All characters of a text. Error: not UTF-8; the line begins with `source`, names the byte and how to convert.
std::u32string decode_utf8(std::string_view text, const std::string& source);

// The bytes of one character, of many. Error: not a Unicode character (a surrogate, or past U+10FFFF).
std::string encode_utf8(char32_t character);
std::string encode_utf8(std::u32string_view characters);
void append_utf8(std::string& bytes, char32_t character);

// Decodes bytes that come in pieces, for output that streams: a character cut by the end of a piece waits for the next.
// What is not UTF-8 becomes U+FFFD, one for each longest prefix of a character (Unicode 15, section 3.9, as in browsers).
class Utf8Stream {
 public:
  // The characters that are complete by now.
  std::u32string feed(std::string_view bytes);
  // At the end: U+FFFD if a character is still incomplete, else nothing. The stream is then as new.
  std::u32string finish();
  // Bytes that wait for the rest of their character: 0 to 3.
  Index pending() const { return static_cast<Index>(pending_.size()); }

 private:
  std::string pending_;
};

// A character in a message: 'é', '\n', '\\'; U+0007 for what cannot be seen or would disturb the line (controls,
// combining marks, invisible and direction marks, private use).
std::string printable(char32_t character);
// "U+00E9": at least four digits.
std::string code_point_name(char32_t character);

}  // namespace headlight
