// Text in a terminal: how many columns it takes, and how it is cut, padded, wrapped and coloured.
//
// Text here is UTF-8. What cannot be seen or would disturb a line (controls, combining marks, direction marks)
// counts and is shown as one '?'; bytes that are not UTF-8 as U+FFFD.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headlight {

// Columns that a character takes: 2 for the wide ones of East Asia and for emoji, else 1.
int columns_of(char32_t character);
int columns_of(std::string_view text);

// The beginning of a text that fits; where something is cut off, it ends with an ellipsis.
std::string cut_to(std::string_view text, int columns);
// cut_to, then spaces after it (before it) up to exactly so many columns.
std::string left_in(std::string_view text, int columns);
std::string right_in(std::string_view text, int columns);
// Lines of at most `columns` columns, at most `rows` of them. Line breaks of the text are kept; a tab is a space.
std::vector<std::string> folded(std::string_view text, int columns, int rows);

// Colours of a terminal, out of the sixteen that its user chose.
enum class Ink : unsigned char { kPlain, kFaint, kBold, kBlue, kYellow, kGreen, kMagenta, kCyan, kRed };
// The text with the escape codes around it; as it is without colours or in kPlain.
std::string inked(std::string_view text, Ink ink, bool colours);
// "#4269d0": the same colour in a picture.
const char* ink_hex(Ink ink);

}  // namespace headlight
