// The built-in corpora: texts of any length, made on the spot, whose truth is known character by character.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headlight/corpora/traced_text.h"

namespace headlight {

// Whether a generated text carries its probabilities, rules and evidence. The characters are the same either way.
enum class Trace { kNone, kFull };

// The names of the built-in corpora, in the order in which to show them.
std::vector<std::string> corpus_names();

struct CorpusInfo {
  std::string name;
  std::string meaning;  // what it is made of and asks for, in a sentence or two
  // The symbols of a sequence, without the line break that ends it, when all are of one length (corpora/sequences.h);
  // 0 for documents of any length.
  Index sequence_length = 0;
  std::string alphabet = {};  // of sequences: every character that may come, ascending
};
// Error: an unknown name.
const CorpusInfo& corpus_info(std::string_view name);

// Whole documents of the corpus `name` until there are at least `chars` characters (see kMaxCorpusChars in grammar.h).
// The same name, count and seed give the same text on every machine.
// Errors: an unknown name (the message lists those there are), chars outside 1..kMaxCorpusChars.
TracedText corpus(std::string_view name, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// The text of data/NAME.grammar, as it was when the program was built. Error: no such grammar.
std::string_view builtin_grammar_text(std::string_view name);

}  // namespace headlight
