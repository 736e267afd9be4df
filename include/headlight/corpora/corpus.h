// The built-in corpora: synthetic texts of any length, generated from a seed, with the exact probability of every
// character.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headlight/corpora/traced_text.h"

namespace headlight {

// Whether a generated text includes its probabilities, rules and evidence. The characters are the same either way.
enum class Trace { kNone, kFull };

// The names of the built-in corpora, in display order.
std::vector<std::string> corpus_names();

struct CorpusInfo {
  std::string name;
  std::string meaning;  // one or two sentences: its content, and what a model needs to predict it
  // The number of symbols of each sequence, without the final line break (corpora/sequences.h); 0 if documents differ
  // in length.
  Index sequence_length = 0;
  std::string alphabet = {};  // for sequences: all possible characters, ascending
  // Whether each document is a pair: a line with a source, a tab and a target. Texts of seed 2, the validation seed,
  // then share no pair with texts of other seeds.
  bool pairs = false;
};
// Error: an unknown name.
const CorpusInfo& corpus_info(std::string_view name);

// Generates whole documents of the corpus `name` until there are at least `chars` characters.
// The same name, count and seed give the same text on every machine.
// Errors: an unknown name (lists the known ones), chars outside 1..kMaxCorpusChars (corpora/grammar/grammar.h).
TracedText corpus(std::string_view name, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// The contents of data/NAME.grammar, embedded into the program at build time. Error: no such grammar.
std::string_view builtin_grammar_text(std::string_view name);

}  // namespace headlight
