// Text whose truth is known: for every character its true probability, the rule behind it and where its evidence stands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headlight/base/index.h"

namespace headlight {

// A simpler reader than the ideal one, for a model to be held against.
struct Reference {
  std::string name, meaning;  // "unigram", "counts the symbols ..."
  // Of each character, as in TracedText.
  std::vector<double> log_probability;
  // It goes by the text before alone, and where it allows a character the truth does too: only then can the characters
  // that came tell how far a model's whole distribution is from its own.
  bool comparable = false;
};

// One of several that decide each character together (corpora/chorus.h): a character of the same document, its evidence,
// chooses a row of its table.
struct Expert {
  std::string name, reads;      // "back-3", "the symbol three back"
  bool needs_attention = true;  // false: its evidence is always the last character
  // [evidence][next], symbols in the order of TracedText::expert_symbols: what is added to the score of each next symbol.
  // The first symbol is never next.
  std::vector<double> table;
  // How far back the evidence stands: text[i - evidence[i]]; 0: none, and nothing is added.
  std::vector<std::int32_t> evidence;
};

// A text of independent documents, one after the other. The vectors beside `text` hold one value a character, or nothing
// when the text was made without its trace.
struct TracedText {
  std::string text;
  // ln P(character | every character before it back to the start of the text): the Bayes predictive of the generator,
  // summed over all the ways it could have written what came before. Nats. No model can do better on average.
  std::vector<double> log_probability;
  // The rule that wrote the character: an index into rule_names.
  std::vector<std::uint8_t> rule;
  // How far back the evidence stands when the character repeats something: text[i - evidence[i]] == text[i]. 0: none.
  std::vector<std::int32_t> evidence;
  // Where documents begin, ascending, the first at 0.
  std::vector<std::int64_t> document_starts;
  std::vector<std::string> rule_names;
  // What each rule says; empty when nobody wrote it down.
  std::vector<std::string> rule_meanings;
  std::vector<Reference> references;
  // Of corpora in which several experts decide each character.
  std::string expert_symbols;
  std::vector<Expert> experts;

  Index size() const { return static_cast<Index>(text.size()); }
  bool traced() const { return log_probability.size() == text.size() && !text.empty(); }

  // The lowest possible mean loss, in nats a character, of all the text or of characters begin..end-1.
  // Errors: no trace, an empty range, a range outside the text.
  double floor() const { return floor(0, size()); }
  double floor(Index begin, Index end) const;
};

}  // namespace headlight
