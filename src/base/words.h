// Wording of messages: counts with their nouns, lists, and suggestions for misspelled names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headlight/base/text.h"

namespace headlight {

// "1 layer", "2 layers", "0.5 minutes"; `plural` is for nouns whose plural does not end in "s".
template <class Number>
std::string counted(Number count, std::string_view noun, std::string_view plural = "") {
  if (count == Number{1}) return cat(count, " ", noun);
  return plural.empty() ? cat(count, " ", noun, "s") : cat(count, " ", plural);
}

// "a, b, c"; with a conjunction "a, b or c".
std::string word_list(const std::vector<std::string>& words, std::string_view conjunction = "");

// The closest of `names` to a misspelled word, or "" if none is close.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& names);
// "; did you mean NAME?", or "" if no name is close.
std::string suggestion(std::string_view word, const std::vector<std::string>& names);

}  // namespace headlight
