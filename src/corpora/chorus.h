// Chorus: sequences (corpora/sequences.h) in which every symbol depends on several earlier symbols at the same time. An
// attention head can read one of them, so a model needs one head for each.
//
//   p(next) proportional to exp( sum over experts of table[evidence][next] )
//
// This is a product of experts (Hinton 1999). The evidence of an expert is one symbol of the line. This symbol selects
// a row of the expert's fixed table, and the row is added to the logits of the next symbol. An expert without evidence
// adds nothing. The line break comes only after the last symbol. The experts, in this order, and their evidence:
//
//   last       the last symbol; needs no attention, so ablating heads does not remove it
//   back-K     the symbol K positions before the last, for each K in `offsets`
//   topic      the first symbol of the line
//   digit      the latest digit
//   induction  the symbol that followed the latest earlier copy of the last symbol
//
// The first symbol is a letter, drawn from the distribution that `last` gives after a line break.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headlight/corpora/corpus.h"

namespace headlight {

// The seed of the built-in corpora's tables. Another seed gives a corpus with other statistics.
inline constexpr std::uint64_t kChorusTables = 1;

struct ChorusOptions {
  Index letters = 12;                   // a, b, ...; at most 26
  Index digits = 4;                     // 1, 2, ...; at most 9
  std::vector<Index> offsets = {1, 3};  // 1 or more, ascending
  bool topic = true, digit = true, induction = false;
  double scale = 1.3;  // standard deviation of the tables' entries
  // The seed of the tables. Each table depends only on this seed and the expert's name, not on the other experts.
  std::uint64_t tables = kChorusTables;
  Index length = 64;
};

// Errors: invalid options, chars outside 1..kMaxCorpusChars.
TracedText draw_chorus(const ChorusOptions& options, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// The distribution from which draw_chorus() draws.
class Chorus {
 public:
  // Error: invalid options.
  explicit Chorus(const ChorusOptions& options);

  // The line break, then digits, then letters. Tables have a row and a column for each symbol, in this order.
  const std::string& symbols() const { return symbols_; }
  std::span<const Expert> experts() const { return experts_; }  // `evidence` is empty here
  // For each expert, the distance from the next symbol back to the expert's evidence: 1 is the last symbol of `line`; 0
  // means no evidence.
  std::vector<Index> evidence(std::string_view line) const;
  // ln p(next | line) for each of symbols(), -infinity for impossible ones.
  // Error: `line` has a character outside symbols().
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
