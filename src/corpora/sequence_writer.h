// write_sequences: the loop shared by the corpora of sequences, which generates lines until the text is long enough.
#pragma once

#include <string>
#include <vector>

#include "base/words.h"
#include "corpora/grammar/grammar.h"
#include "corpora/sequences.h"
#include "headlight/base/error.h"
#include "headlight/base/random.h"
#include "headlight/corpora/corpus.h"

namespace headlight::detail {

inline constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz", kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

// A sequence under construction: the fields of TracedText for one document.
struct Sequence {
  explicit Sequence(std::size_t reference_count) : references(reference_count) {}
  std::string text;
  std::vector<double> log_probability;
  std::vector<std::uint8_t> rule;
  std::vector<std::int32_t> evidence;
  std::vector<std::vector<double>> references;

  Index size() const { return static_cast<Index>(text.size()); }
  void add(char symbol, double log_p, std::uint8_t by_rule, Index distance = 0) {
    text += symbol;
    log_probability.push_back(log_p);
    rule.push_back(by_rule);
    evidence.push_back(static_cast<std::int32_t>(distance));
  }
  void clear() {
    text.clear();
    log_probability.clear();
    rule.clear();
    evidence.clear();
    for (std::vector<double>& r : references) r.clear();
  }
};

struct NamedRule {
  const char *name, *meaning;
};

// The rule of line breaks; set_rules() appends it after the corpus's own rules.
inline constexpr NamedRule kLineEnd = {"end", "the line break after the last symbol; forced"};

// Generates a text. `names` holds the rules and references, and no text yet. write(rng, sequence) generates one
// sequence of `length` symbols and, for each symbol, a value in every reference.
template <class Write>
TracedText write_sequences(TracedText names, Index length, Index chars, std::uint64_t seed, Trace trace,
                           const Write& write) {
  if (chars < 1 || chars > kMaxCorpusChars)
    fail("corpus: ", counted(chars, "character"), ": the count must lie in 1..", kMaxCorpusChars);
  if (length < 1 || length > kMaxSequenceLength)
    fail("corpus: sequences of ", counted(length, "symbol"), ": the length must lie in 1..", kMaxSequenceLength);
  TracedText out = std::move(names);
  Rng rng(seed);
  Sequence sequence(out.references.size());
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  while (out.size() < chars) {
    sequence.clear();
    write(rng, sequence);
    sequence.add('\n', 0, static_cast<std::uint8_t>(out.rule_names.size() - 1));
    out.document_starts.push_back(out.size());
    out.text += sequence.text;
    if (trace == Trace::kNone) continue;
    append(out.log_probability, sequence.log_probability);
    append(out.rule, sequence.rule);
    append(out.evidence, sequence.evidence);
    for (std::size_t r = 0; r < out.references.size(); ++r) {
      append(out.references[r].log_probability, sequence.references[r]);
      out.references[r].log_probability.push_back(0);  // the line break
    }
  }
  return out;
}

template <class Rules>
void set_rules(TracedText& names, const Rules& rules) {
  for (const NamedRule& rule : rules) {
    names.rule_names.emplace_back(rule.name);
    names.rule_meanings.emplace_back(rule.meaning);
  }
  names.rule_names.emplace_back(kLineEnd.name);
  names.rule_meanings.emplace_back(kLineEnd.meaning);
}

}  // namespace headlight::detail
