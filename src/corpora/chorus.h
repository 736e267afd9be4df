// Chorus: sequences (corpora/sequences.h) in which every symbol depends on several symbols before it at the same time. One
// attention head reads one place, so a model needs one head for each of them.
//
//   p(next) proportional to exp( sum over experts of table[evidence][next] )
//
// A product of experts (Hinton 1999). Each expert reads one symbol of the line, its evidence, and adds a row of its own
// fixed table to the scores of the next symbol. An expert without evidence adds nothing. The line break is never next,
// except after the last symbol. The experts, in this order:
//
//   last       the last symbol; needs no attention, so a model loses nothing of it when heads are ablated
//   back-K     the symbol K places before the last, for each of `offsets`
//   topic      the first symbol of the line
//   digit      the latest digit
//   induction  the symbol that followed the latest earlier copy of the last symbol
//
// The first symbol is a letter, drawn from the row of the line break in the table of `last`.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headlight/corpora/corpus.h"

namespace headlight {

// The seed of the tables of the built-in corpora. Another seed is another language.
inline constexpr std::uint64_t kChorusTables = 1;

struct ChorusOptions {
  Index letters = 12;                   // a, b, ...; at most 26
  Index digits = 4;                     // 1, 2, ...; at most 9
  std::vector<Index> offsets = {1, 3};  // 1 or more, ascending
  bool topic = true, digit = true, induction = false;
  double scale = 1.3;  // standard deviation of the tables' entries
  // An expert's table depends on this seed and on the expert's name alone, not on which other experts there are.
  std::uint64_t tables = kChorusTables;
  Index length = 64;
};

// Errors: options that make no corpus, chars outside 1..kMaxCorpusChars.
TracedText draw_chorus(const ChorusOptions& options, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// The rule behind draw_chorus().
class Chorus {
 public:
  // Error: options that make no corpus.
  explicit Chorus(const ChorusOptions& options);

  // The line break, then digits, then letters; tables have a row and a column for each, in this order.
  const std::string& symbols() const { return symbols_; }
  std::span<const Expert> experts() const { return experts_; }  // without evidence
  // How far before symbol line.size() the evidence of each expert stands, 1 being the last symbol of `line`; 0: none yet.
  std::vector<Index> evidence(std::string_view line) const;
  // ln p(symbol | line) of each symbol; minus infinity where it cannot come. Error: a character that is no symbol.
  std::vector<double> log_probabilities(std::string_view line) const;

 private:
  friend class ChorusWriter;
  Index row_of(char symbol) const;
  void log_probabilities(std::string_view line, std::span<const Index> evidence, std::span<double> to) const;

  ChorusOptions options_;
  std::string symbols_;
  std::vector<Expert> experts_;
};

}  // namespace headlight
