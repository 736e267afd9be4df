// Strict conversion between UTF-8 bytes and Unicode code points ("characters" below), after RFC 3629.
//
// Overlong forms, surrogates (U+D800 to U+DFFF), code points past U+10FFFF, and truncated sequences are invalid.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "headlight/base/index.h"

namespace headlight {

// The UTF-8 bytes of U+FEFF, which some programs write at the start of a file. The mark is not part of the text.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

inline constexpr std::size_t kEncodingSample = 4096;
// Detects UTF-16 and UTF-32 from the first kEncodingSample bytes of a text. Returns the encoding's iconv name, such as
// "UTF-16" (the text begins with a byte order mark) or "UTF-16LE" (no mark, but the zero bytes of Latin text). Empty:
// neither was detected.
std::string other_encoding(std::string_view text);
// Throws if other_encoding() detects an encoding. The message names the encoding and the command that converts the file
// at `path` ("" or "-": a pipe).
void refuse_other_encodings(std::string_view text, const std::string& source, const std::string& path);

// The first invalid sequence of a text.
struct Utf8Problem {
  Index offset;        // of the first byte of the sequence
  std::string reason;  // "0xE9 begins a character that is cut short"
};
std::optional<Utf8Problem> find_invalid_utf8(std::string_view text);
// Throws the error for training text that is not UTF-8. The message begins with `source`.
[[noreturn]] void refuse_invalid_utf8(const Utf8Problem& problem, const std::string& source);

// Whether a byte has the form 10xxxxxx, that is, does not begin a character.
inline bool continues_utf8(char byte) { return (byte & 0xC0) == 0x80; }

// Decodes the character at `at` and returns its length in bytes, or 0 if [at, end) does not begin with a complete,
// valid character. Inline, because loops over large texts call it for every character.
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

// The number of bytes at the end of the text (0 to 3) that belong to an incomplete character.
std::size_t incomplete_utf8_tail(std::string_view text);

// Decodes a text.
// Error: invalid UTF-8; the message begins with `source`, gives the byte offset and says how to convert the text.
std::u32string decode_utf8(std::string_view text, const std::string& source);

// The UTF-8 bytes of one character or of several. Error: a surrogate, or a code point past U+10FFFF.
std::string encode_utf8(char32_t character);
std::string encode_utf8(std::u32string_view characters);
void append_utf8(std::string& bytes, char32_t character);

// Decodes a stream of bytes piece by piece. A character that is split between two pieces is held until the next piece.
// Each maximal prefix of an invalid character becomes one U+FFFD (Unicode 15, section 3.9, as in browsers).
class Utf8Stream {
 public:
  // Returns the characters that `bytes` completes.
  std::u32string feed(std::string_view bytes);
  // Ends the stream and resets it: returns U+FFFD if a character is incomplete, else nothing.
  std::u32string finish();
  // The number of held bytes of an incomplete character: 0 to 3.
  Index pending() const { return static_cast<Index>(pending_.size()); }

 private:
  std::string pending_;
};

// A character for a message: 'é', '\n', '\\'. Characters that are invisible or would disturb the line (controls,
// combining marks, direction marks, private use) are written as code points, such as U+0007.
std::string printable(char32_t character);
// "U+00E9", with at least four digits.
std::string code_point_name(char32_t character);

}  // namespace headlight
