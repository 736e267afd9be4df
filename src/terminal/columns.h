// Text in a terminal: its width in columns, and cutting, padding, wrapping and coloring.
//
// Text is UTF-8. Each invisible or disturbing character (controls, combining marks, direction marks) is replaced by
// '?', and invalid UTF-8 by U+FFFD.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headlight {

// The width in columns: 2 for wide East Asian characters and emoji, 1 for all others.
int columns_of(char32_t character);
int columns_of(std::string_view text);

// The text cut to at most `columns` columns; a text that is cut ends with an ellipsis.
std::string cut_to(std::string_view text, int columns);
// The text cut or padded with spaces to exactly `columns` columns, aligned left or right.
std::string left_in(std::string_view text, int columns);
std::string right_in(std::string_view text, int columns);
// The text wrapped into at most `rows` lines of at most `columns` columns. Keeps line breaks; turns tabs into spaces.
std::vector<std::string> wrapped(std::string_view text, int columns, int rows);

// Colors of the 16-color palette of the terminal. The user may have changed the palette.
enum class Color : unsigned char { kPlain, kFaint, kBold, kBlue, kYellow, kGreen, kMagenta, kCyan, kRed };
// The text inside the escape codes of an ink. Returns the text unchanged if `colors` is false or the ink is kPlain.
std::string inked(std::string_view text, Color ink, bool colors);
// The color of an ink in an SVG image, such as "#4269d0".
const char* ink_hex(Color ink);

}  // namespace headlight
