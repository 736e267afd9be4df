// Numbers as a person reads them, and words as a shell reads them.
#pragma once

#include <string>

namespace headlight {

// "1.234": fixed decimals; never "-0.0".
std::string fixed_text(double value, int decimals);
// "12.3k", "4.5M": three digits.
std::string count_text(double count);
// Of seconds: "0:42", "1:03:20".
std::string duration_text(double seconds);
// A word as a shell takes it: in quotes where it needs them.
std::string quoted(const std::string& word);

}  // namespace headlight
