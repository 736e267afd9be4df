// Formats numbers, counts and durations for people, and words for a shell.
#pragma once

#include <string>

namespace headlight {

// "1.234": a fixed number of decimals. Negative zero prints as "0.0".
std::string fixed_text(double value, int decimals);
// Three significant digits with a unit: "12.3k", "4.50M".
std::string count_text(double count);
// m:ss, or h:mm:ss from one hour on: "0:42", "1:03:20".
std::string duration_text(double seconds);
// A word as a shell reads it: quoted where necessary.
std::string quoted(const std::string& word);

}  // namespace headlight
