// Width, cutting, padding, wrapping and coloring of terminal text.
#include "terminal/columns.h"

#include <algorithm>

#include "base/utf8.h"
#include "headlight/base/text.h"

namespace headlight {

namespace {

// Ranges of wide characters (Unicode 15, East_Asian_Width W and F, simplified to fewer ranges).
constexpr char32_t kWide[][2] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x25FD, 0x25FE},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x26BD, 0x26BE},   {0x2705, 0x2705},   {0x274C, 0x274C},   {0x2753, 0x2755},
    {0x2795, 0x2797},   {0x2B1B, 0x2B1C},   {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},
    {0x4E00, 0xA4CF},   {0xA960, 0xA97C},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18CFF}, {0x1B000, 0x1B2FB}, {0x1F300, 0x1F64F},
    {0x1F680, 0x1F6FF}, {0x1F7E0, 0x1F7EB}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD}};

// Decodes the text and replaces tabs by spaces and unprintable characters by '?'. Keeps line breaks.
std::u32string sanitized(std::string_view text) {
  Utf8Stream stream;
  std::u32string characters = stream.feed(text);
  characters += stream.finish();
  for (char32_t& c : characters) {
    const bool ascii = c >= 0x20 && c < 0x7F;
    if (c == U'\t') c = U' ';
    else if (c == U'\r' || (!ascii && c != U'\n' && printable(c)[0] != '\'')) c = U'?';
  }
  return characters;
}

std::u32string one_line(std::string_view text) {
  std::u32string characters = sanitized(text);
  std::replace(characters.begin(), characters.end(), U'\n', U'?');
  return characters;
}

int width_of(std::u32string_view characters) {
  int columns = 0;
  for (const char32_t c : characters) columns += columns_of(c);
  return columns;
}

}  // namespace

int columns_of(char32_t character) {
  for (const auto& [first, last] : kWide)
    if (character >= first && character <= last) return 2;
  return 1;
}

int columns_of(std::string_view text) { return width_of(one_line(text)); }

std::string cut_to(std::string_view text, int columns) {
  std::u32string characters = one_line(text);
  int width = width_of(characters);
  if (width <= columns) return encode_utf8(characters);
  if (columns <= 0) return "";
  while (width > columns - 1) {
    width -= columns_of(characters.back());
    characters.pop_back();
  }
  return encode_utf8(characters) + "…";
}

std::string left_in(std::string_view text, int columns) {
  const std::string cut = cut_to(text, columns);
  return cut + std::string(static_cast<std::size_t>(std::max(0, columns - columns_of(cut))), ' ');
}

std::string right_in(std::string_view text, int columns) {
  const std::string cut = cut_to(text, columns);
  return std::string(static_cast<std::size_t>(std::max(0, columns - columns_of(cut))), ' ') + cut;
}

std::vector<std::string> wrapped(std::string_view text, int columns, int rows) {
  std::vector<std::string> lines;
  std::u32string line;
  int width = 0;
  const auto end_line = [&] {
    lines.push_back(encode_utf8(line));
    line.clear();
    width = 0;
  };
  for (const char32_t c : sanitized(text)) {
    if (static_cast<int>(lines.size()) >= rows) break;
    if (c == U'\n') {
      end_line();
      continue;
    }
    const int wide = columns_of(c);
    if (wide > columns) continue;
    if (width + wide > columns) end_line();
    line += c;
    width += wide;
  }
  if (!line.empty() && static_cast<int>(lines.size()) < rows) end_line();
  if (static_cast<int>(lines.size()) > rows) lines.resize(static_cast<std::size_t>(std::max(0, rows)));
  return lines;
}

std::string inked(std::string_view text, Color ink, bool colors) {
  constexpr const char* kCodes[] = {"", "90", "1", "94", "33", "32", "35", "36", "31"};
  if (!colors || ink == Color::kPlain || text.empty()) return std::string(text);
  return cat("\033[", kCodes[static_cast<std::size_t>(ink)], "m", text, "\033[0m");
}

const char* ink_hex(Color ink) {
  constexpr const char* kHex[] = {"#222222", "#888888", "#000000", "#4269d0", "#e39a0b",
                                  "#2f9e5f", "#a463c2", "#2a9aa8", "#d9433b"};
  return kHex[static_cast<std::size_t>(ink)];
}

}  // namespace headlight
