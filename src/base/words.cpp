// Wording of messages: lists, and the edit distance behind suggestions.
#include "base/words.h"

#include <algorithm>
#include <utility>

namespace headlight {

std::string word_list(const std::vector<std::string>& words, std::string_view conjunction) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += !conjunction.empty() && i + 1 == words.size() ? cat(" ", conjunction, " ") : ", ";
    text += words[i];
  }
  return text;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  // The optimal string alignment distance counts substitutions, insertions, deletions and swaps of neighboring letters.
  // The limit is one edit, or a third of the word's length if that is more.
  std::string best;
  std::size_t smallest = std::max<std::size_t>(2, word.size() / 3 + 1);
  for (const std::string& name : names) {
    std::vector<std::size_t> before, above, row(name.size() + 1);
    for (std::size_t j = 0; j <= name.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i < word.size(); ++i) {
      before = std::exchange(above, row);
      row[0] = i + 1;
      for (std::size_t j = 0; j < name.size(); ++j) {
        row[j + 1] = std::min({above[j] + (word[i] == name[j] ? 0u : 1u), above[j + 1] + 1, row[j] + 1});
        if (i > 0 && j > 0 && word[i] == name[j - 1] && word[i - 1] == name[j])
          row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
      }
    }
    if (row.back() < smallest) {
      smallest = row.back();
      best = name;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& names) {
  const std::string near = did_you_mean(word, names);
  return near.empty() ? "" : cat("; did you mean ", near, "?");
}

}  // namespace headlight
