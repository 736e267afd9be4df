// Probabilistic grammars that generate short texts ("tales"), with the exact probability of every character.
// data/README.md describes the format; in short:
//
//   words name / he = tom / he | 2: ann / she      # a list of words, each with its other forms; a weight ends with ':'
//   let hero, friend : name                        # variables: the first mention binds a word, later ones repeat it
//   tale = $hero " met " $friend ". " ending       # the first rule is the start
//   ending = 3: close:$hero.he " sang.\n" | "they slept.\n"      # weighted alternatives; `close` is a tag
//
// A tale is one expansion of the first rule. Tales follow each other directly; each begins without bound variables.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "headlight/corpora/corpus.h"

namespace headlight {

// Limits, so that a hostile grammar cannot crash, hang or use unbounded memory. Exceeding a limit is an error.
inline constexpr Index kMaxGrammarBytes = 1 << 20;
inline constexpr Index kMaxGrammarRules = 2000;          // rules, groups in parentheses included
inline constexpr Index kMaxGrammarItems = 65536;         // texts, references and mentions in all alternatives
inline constexpr Index kMaxGrammarNesting = 32;          // nesting depth of parentheses
inline constexpr Index kMaxGrammarVariables = 32;        // variables
inline constexpr Index kMaxGrammarEntries = 4096;        // words in one list
inline constexpr Index kMaxGrammarForms = 8;             // forms of a word, the word itself included
inline constexpr Index kMaxGrammarTags = 255;            // names in rule_names
inline constexpr double kMaxGrammarMeanLength = 4096.0;  // expected characters of a tale
inline constexpr Index kMaxTaleChars = 1 << 16;          // characters of one generated tale
inline constexpr Index kMaxExpansions = 1 << 16;   // steps between two characters: rules entered or left, words tried
inline constexpr Index kMaxHypotheses = 1 << 12;   // derivations alive at one character
inline constexpr Index kMaxFilterNodes = 1 << 20;  // distinct stacks, or distinct sets of bindings, in one tale
inline constexpr Index kMaxCorpusChars = Index{1} << 30;

namespace detail {
struct GrammarProgram;
class FilterState;
}  // namespace detail

// A parsed and checked grammar. Copies are cheap and share one immutable program.
class Grammar {
 public:
  // Parses and checks a grammar. Error messages begin with source_name:line:column. Errors:
  //  - invalid syntax, an undefined, duplicate, unreachable or unused name, a weight that is not positive;
  //  - left recursion, a rule without a finite expansion or with an infinite expected length;
  //  - a tale that may be empty;
  //  - a form that several words share and that may be used before its variable is bound;
  //  - more variables of a list than words in the list;
  //  - an exceeded limit.
  static Grammar parse(std::string_view text, std::string_view source_name);

  // The names that TracedText::rule indexes: "plain", then the tags. A list of words counts as two tags: its name, for
  // the first mention of a variable, and its name with "-again", for later mentions.
  const std::vector<std::string>& rule_names() const;
  // The maximum length of a tale in characters, or -1 if the grammar is recursive and has no maximum.
  Index longest_tale() const;
  // All characters that occur in tales, in ascending order.
  std::string alphabet() const;

  const detail::GrammarProgram& program() const { return *program_; }

 private:
  explicit Grammar(std::shared_ptr<const detail::GrammarProgram> program) : program_(std::move(program)) {}
  std::shared_ptr<const detail::GrammarProgram> program_;
};

// Computes the exact probability of each next character of a text that begins at the start of a tale. The filter keeps
// a weighted set of all derivations (stack, bindings) that are consistent with the text so far, and merges equal ones.
class GrammarFilter {
 public:
  explicit GrammarFilter(const Grammar& grammar);
  ~GrammarFilter();
  GrammarFilter(GrammarFilter&&) noexcept;
  GrammarFilter& operator=(GrammarFilter&&) noexcept;

  // Element i is P(next byte = i | text so far). The sum is 1, or 0 after an impossible character.
  std::array<double, 256> next_distribution() const;
  // Consumes the next character and returns its log-probability in nats, or -inf for an impossible character and every
  // character after it. Errors: kMaxHypotheses, kMaxExpansions or kMaxFilterNodes is exceeded.
  double advance(char character);
  // False after an impossible character.
  bool alive() const;
  // The number of distinct derivations that are consistent with the text so far.
  Index hypotheses() const;
  // Returns to the start of a tale and forgets the text.
  void reset();

 private:
  std::unique_ptr<detail::FilterState> state_;
};

// Generates whole tales until the text has at least `chars` characters. Rules and evidence come from the derivation
// that was sampled, probabilities from the filter. When a bound variable recurs, the evidence of its characters is the
// latest earlier mention in the same form. Without such a mention, the evidence is the latest mention in another form
// that shares text with this form.
// Errors: chars outside 1..kMaxCorpusChars, a tale of more than kMaxTaleChars characters.
TracedText generate(const Grammar& grammar, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// The log-probability in nats of each character of `text`, which begins at the start of a tale and may end anywhere;
// -inf from the first impossible character on.
std::vector<double> score(const Grammar& grammar, std::string_view text);

}  // namespace headlight
