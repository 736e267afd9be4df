// The UTF-8 decoder, encoder and stream, and the spelling of characters in messages.
#include "base/utf8.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/format.h"
#include "headlight/base/error.h"

namespace headlight {

namespace {

constexpr char32_t kReplacement = 0xFFFD;

enum class Status { kValid, kIncomplete, kInvalid };

// The result of decoding one character. If it is invalid or incomplete, `length` is the length of its maximal prefix
// (at least 1), and `reason` describes the fault.
struct Step {
  Status status;
  char32_t character;
  std::size_t length;
  const char* reason;
};

struct Lead {
  int more;            // number of continuation bytes
  unsigned char low;   // bounds of the first continuation byte; they exclude overlong forms, surrogates
  unsigned char high;  // and values past U+10FFFF (RFC 3629, section 4)
  const char* below;   // the fault when the first continuation byte is below `low`
  const char* above;   // the fault when it is above `high`
};

constexpr const char* kOverlong = "begins an overlong form";
constexpr const char* kTooLarge = "begins a value past U+10FFFF";
constexpr const char* kSurrogate = "begins a surrogate";
constexpr const char* kCutShort = "begins a character that is cut short";

constexpr Lead lead_of(unsigned char byte) {
  if (byte < 0xE0) return {1, 0x80, 0xBF, kCutShort, kCutShort};
  if (byte == 0xE0) return {2, 0xA0, 0xBF, kOverlong, kCutShort};
  if (byte == 0xED) return {2, 0x80, 0x9F, kCutShort, kSurrogate};
  if (byte < 0xF0) return {2, 0x80, 0xBF, kCutShort, kCutShort};
  if (byte == 0xF0) return {3, 0x90, 0xBF, kOverlong, kCutShort};
  if (byte == 0xF4) return {3, 0x80, 0x8F, kCutShort, kTooLarge};
  return {3, 0x80, 0xBF, kCutShort, kCutShort};
}

Step next_character(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {Status::kValid, first, 1, nullptr};
  if (first < 0xC0) return {Status::kInvalid, 0, 1, "is a continuation byte without a first byte"};
  if (first < 0xC2) return {Status::kInvalid, 0, 1, kOverlong};
  if (first > 0xF4) return {Status::kInvalid, 0, 1, first < 0xF8 ? kTooLarge : "never occurs in UTF-8"};

  const Lead lead = lead_of(first);
  const auto more = static_cast<std::size_t>(lead.more);
  char32_t character = first & (0x3Fu >> lead.more);
  for (std::size_t i = 1; i <= more; ++i) {
    if (i == bytes.size()) return {Status::kIncomplete, 0, i, kCutShort};
    const unsigned char next = byte(i);
    if ((next & 0xC0) != 0x80) return {Status::kInvalid, 0, i, kCutShort};
    if (i == 1 && next < lead.low) return {Status::kInvalid, 0, i, lead.below};
    if (i == 1 && next > lead.high) return {Status::kInvalid, 0, i, lead.above};
    character = (character << 6) | (next & 0x3Fu);
  }
  return {Status::kValid, character, more + 1, nullptr};
}

std::string hex(std::uint32_t value, int digits) {
  std::string text;
  for (int shift = 4 * digits - 4; shift >= 0; shift -= 4) text += "0123456789ABCDEF"[(value >> shift) & 0xF];
  return text;
}

struct Range {
  char32_t first, last;
};

// Characters that a terminal does not draw, draws over the previous character, or reorders.
constexpr std::array kUnprintable = {
    Range{0x00, 0x1F},       Range{0x7F, 0xA0},          Range{0xAD, 0xAD},     Range{0x300, 0x36F},
    Range{0x483, 0x489},     Range{0x591, 0x5BD},        Range{0x610, 0x61C},   Range{0x64B, 0x65F},
    Range{0x115F, 0x1160},   Range{0x180B, 0x180F},      Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF},
    Range{0x2000, 0x200F},   Range{0x2028, 0x202F},      Range{0x205F, 0x206F}, Range{0x20D0, 0x20FF},
    Range{0x3000, 0x3000},   Range{0x3164, 0x3164},      Range{0xD800, 0xF8FF}, Range{0xFE00, 0xFE0F},
    Range{0xFE20, 0xFE2F},   Range{0xFEFF, 0xFEFF},      Range{0xFFF0, 0xFFFB}, Range{0xFFFE, 0xFFFF},
    Range{0xE0000, 0xE0FFF}, Range{0xF0000, 0xFFFFFFFF},
};

bool is_unprintable(char32_t character) {
  return std::any_of(kUnprintable.begin(), kUnprintable.end(),
                     [=](const Range& range) { return range.first <= character && character <= range.last; });
}

}  // namespace

std::string other_encoding(std::string_view text) {
  using namespace std::string_view_literals;
  if (text.starts_with("\xFF\xFE\0\0"sv) || text.starts_with("\0\0\xFE\xFF"sv)) return "UTF-32";
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) return "UTF-16";
  // Most characters of Latin text are below U+0100: their upper bytes are zeros, and the lowest is not.
  const std::size_t count = std::min(text.size(), kEncodingSample) / 4;
  std::array<std::size_t, 4> zeros{};
  for (std::size_t i = 0; i < 4 * count; ++i) zeros[i % 4] += text[i] == '\0';
  const auto most = [&](std::initializer_list<std::size_t> places) {
    return std::all_of(places.begin(), places.end(), [&](std::size_t i) { return 2 * zeros[i] > count; });
  };
  const auto few = [&](std::initializer_list<std::size_t> places) {
    return std::all_of(places.begin(), places.end(), [&](std::size_t i) { return 16 * zeros[i] <= count; });
  };
  if (most({1, 2, 3}) && few({0})) return "UTF-32LE";
  if (most({0, 1, 2}) && few({3})) return "UTF-32BE";
  if (most({1, 3}) && few({0, 2})) return "UTF-16LE";
  if (most({0, 2}) && few({1, 3})) return "UTF-16BE";
  return "";
}

void refuse_other_encodings(std::string_view text, const std::string& source, const std::string& path) {
  const std::string encoding = other_encoding(text);
  if (encoding.empty()) return;
  const bool is_file = !path.empty() && path != "-";
  fail(source, ": is not UTF-8 but ", encoding, "; convert it: iconv -f ", encoding, " -t UTF-8",
       is_file ? cat(" ", quoted(path), " > ", quoted(path + ".utf8")) : "");
}

std::optional<Utf8Problem> find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Step step = next_character(text.substr(at));
    if (step.status != Status::kValid) {
      return Utf8Problem{static_cast<Index>(at),
                         cat("0x", hex(static_cast<unsigned char>(text[at]), 2), " ", step.reason)};
    }
    at += step.length;
  }
  return std::nullopt;
}

void refuse_invalid_utf8(const Utf8Problem& problem, const std::string& source) {
  fail(source, ": byte ", problem.offset, " is not UTF-8 (", problem.reason,
       "); convert the text to UTF-8, or train on its bytes with --tokens byte");
}

std::size_t incomplete_utf8_tail(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    if (continues_utf8(text[text.size() - back])) continue;
    return next_character(text.substr(text.size() - back)).status == Status::kIncomplete ? back : 0;
  }
  return 0;
}

std::u32string decode_utf8(std::string_view text, const std::string& source) {
  if (const auto problem = find_invalid_utf8(text)) {
    fail(source, ": byte ", problem->offset, ": not UTF-8: ", problem->reason,
         "; convert the text first, for example with: iconv -f LATIN1 -t UTF-8");
  }
  const auto count = std::count_if(text.begin(), text.end(), [](char byte) { return !continues_utf8(byte); });
  std::u32string characters;
  characters.reserve(static_cast<std::size_t>(count));
  for (std::size_t at = 0; at < text.size();) {
    const Step step = next_character(text.substr(at));
    characters += step.character;
    at += step.length;
  }
  return characters;
}

void append_utf8(std::string& bytes, char32_t character) {
  if (character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF))
    fail("utf-8: ", code_point_name(character),
         " is not a Unicode character; use a code point up to U+10FFFF, no surrogate");
  const auto continuation = [=](int shift) { return static_cast<char>(0x80 | ((character >> shift) & 0x3F)); };
  if (character < 0x80) {
    bytes += static_cast<char>(character);
  } else if (character < 0x800) {
    bytes += static_cast<char>(0xC0 | (character >> 6));
    bytes += continuation(0);
  } else if (character < 0x10000) {
    bytes += static_cast<char>(0xE0 | (character >> 12));
    bytes += continuation(6);
    bytes += continuation(0);
  } else {
    bytes += static_cast<char>(0xF0 | (character >> 18));
    bytes += continuation(12);
    bytes += continuation(6);
    bytes += continuation(0);
  }
}

std::string encode_utf8(char32_t character) {
  std::string bytes;
  append_utf8(bytes, character);
  return bytes;
}

std::string encode_utf8(std::u32string_view characters) {
  std::string bytes;
  bytes.reserve(characters.size());
  for (const char32_t character : characters) append_utf8(bytes, character);
  return bytes;
}

std::u32string Utf8Stream::feed(std::string_view bytes) {
  pending_.append(bytes);
  const std::string_view all = pending_;
  std::u32string characters;
  std::size_t at = 0;
  while (at < all.size()) {
    const Step step = next_character(all.substr(at));
    if (step.status == Status::kIncomplete) break;
    characters += step.status == Status::kValid ? step.character : kReplacement;
    at += step.length;
  }
  pending_.erase(0, at);
  return characters;
}

std::u32string Utf8Stream::finish() {
  const bool incomplete = !pending_.empty();
  pending_.clear();
  return incomplete ? std::u32string(1, kReplacement) : std::u32string();
}

std::string printable(char32_t character) {
  switch (character) {
    case U'\n':
      return "'\\n'";
    case U'\r':
      return "'\\r'";
    case U'\t':
      return "'\\t'";
    case U'\'':
      return "'\\''";
    case U'\\':
      return "'\\\\'";
    default:
      return is_unprintable(character) ? code_point_name(character) : cat("'", encode_utf8(character), "'");
  }
}

std::string code_point_name(char32_t character) {
  int digits = 4;
  while (digits < 8 && (static_cast<std::uint32_t>(character) >> (4 * digits)) != 0) ++digits;
  return "U+" + hex(character, digits);
}

}  // namespace headlight
