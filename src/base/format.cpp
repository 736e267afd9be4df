// Formatting of numbers, counts and durations.
#include "base/format.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string_view>

#include "headlight/base/index.h"
#include "headlight/base/text.h"

namespace headlight {

std::string fixed_text(double value, int decimals) {
  char buffer[400];  // the largest double has 309 digits
  std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  std::string text = buffer;
  if (text[0] == '-' && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string count_text(double count) {
  const char* units[] = {"", "k", "M", "G", "T"};
  std::size_t unit = 0;
  while (count >= 999.5 && unit < 4) {
    count /= 1000;
    ++unit;
  }
  return cat(fixed_text(count, unit == 0 || count >= 99.95 ? 0 : count >= 9.995 ? 1 : 2), units[unit]);
}

std::string duration_text(double seconds) {
  const auto s = static_cast<Index>(std::llround(std::max(0.0, std::min(seconds, 1e9))));
  char buffer[64];
  if (s >= 3600)
    std::snprintf(buffer, sizeof buffer, "%lld:%02d:%02d", static_cast<long long>(s / 3600),
                  static_cast<int>(s / 60 % 60), static_cast<int>(s % 60));
  else std::snprintf(buffer, sizeof buffer, "%d:%02d", static_cast<int>(s / 60), static_cast<int>(s % 60));
  return buffer;
}

std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace headlight
