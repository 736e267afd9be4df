// TracedText: a generated text with, for every character, its exact probability, its rule and the position of its
// evidence.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headlight/base/index.h"

namespace headlight {

// A reference predictor with which a model is compared, such as the unigram counts of the line so far.
struct Reference {
  std::string name, meaning;  // "unigram", "counts the symbols ..."
  // ln P(character) under the reference, in nats, one value per character.
  std::vector<double> log_probability;
  // True if the reference depends on the preceding text only, and gives positive probability only to characters that
  // the generator can produce. Only then can KL(reference || model) be estimated from the text.
  bool comparable = false;
};

// One factor of a product of experts (corpora/chorus.h). The expert's evidence, an earlier character of the same
// document, selects a row of the expert's table.
struct Expert {
  std::string name, reads;      // "back-3", "the symbol three back"
  bool needs_attention = true;  // false: the evidence is always the last character
  // [evidence][next]: the value added to the logit of symbol `next`. Both indices follow TracedText::expert_symbols.
  // Column 0 is unused, because experts never predict the first symbol, the line break.
  std::vector<double> table;
  // The distance from character i to its evidence, text[i - evidence[i]]; 0: no evidence, so the expert adds nothing.
  std::vector<std::int32_t> evidence;
};

// A concatenation of independent documents. log_probability, rule and evidence hold one value per character; they are
// empty if the text was generated without its trace.
struct TracedText {
  std::string text;
  // ln P(character | all preceding characters of the text), in nats: the generator's exact predictive distribution,
  // summed over all derivations of the preceding characters. No model has a lower expected loss.
  std::vector<double> log_probability;
  // The rule that generated the character: an index into rule_names.
  std::vector<std::uint8_t> rule;
  // If the character repeats an earlier one, the distance to that character: text[i - evidence[i]] == text[i]. 0: none.
  std::vector<std::int32_t> evidence;
  // The index of each document's first character, ascending; the first is 0.
  std::vector<std::int64_t> document_starts;
  std::vector<std::string> rule_names;
  // A description of each rule; empty if the corpus has none.
  std::vector<std::string> rule_meanings;
  std::vector<Reference> references;
  // Only for corpora that are a product of experts.
  std::string expert_symbols;
  std::vector<Expert> experts;

  Index size() const { return static_cast<Index>(text.size()); }
  bool traced() const { return log_probability.size() == text.size() && !text.empty(); }

  // The entropy floor (lowest achievable mean loss), in nats per character, of the whole text or of characters
  // begin..end-1.
  // Errors: no trace, an empty range, a range outside the text.
  double floor() const { return floor(0, size()); }
  double floor(Index begin, Index end) const;
};

}  // namespace headlight
