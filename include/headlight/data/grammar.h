// A probabilistic grammar that writes tales and knows the exact probability of every character. The format is described,
// with an example, in data/README.md; in short:
//
//   words name / he = tom / he | 2: ann / she      # a list of words, each with its other forms, weights before ':'
//   let hero, friend : name                        # variables: bind at their first mention, recur ever after
//   tale = $hero " met " $friend ". " ending       # the first rule is the start
//   ending = 3: close:$hero.he " sang.\n" | "they slept.\n"      # weighted alternatives; `close` is a tag
//
// A tale ends when the first rule has been written out; the next begins at once, with nothing bound.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headlight/data/corpus.h"

namespace headlight {

// Limits, so that no grammar, however hostile, can crash, hang or take memory without bound. Each is an error that says so.
inline constexpr Index kMaxGrammarBytes = 1 << 20;
inline constexpr Index kMaxGrammarRules = 2000;          // groups in parentheses count
inline constexpr Index kMaxGrammarItems = 65536;         // texts, references and mentions, all alternatives together
inline constexpr Index kMaxGrammarNesting = 32;          // parentheses within parentheses
inline constexpr Index kMaxGrammarVariables = 32;        // each binds one entry of a list
inline constexpr Index kMaxGrammarEntries = 4096;        // of one list of words
inline constexpr Index kMaxGrammarForms = 8;             // of a word, itself included
inline constexpr Index kMaxGrammarTags = 255;            // names in rule_names
inline constexpr double kMaxGrammarMeanLength = 4096.0;  // expected characters of a tale
inline constexpr Index kMaxTaleChars = 1 << 16;          // of one generated tale
inline constexpr Index kMaxExpansions = 1 << 16;  // steps between two characters: rules opened or closed, words weighed
inline constexpr Index kMaxHypotheses = 1 << 12;  // derivations alive at one character
inline constexpr Index kMaxFilterNodes = 1 << 20;  // distinct stacks or sets of bindings within one tale
inline constexpr Index kMaxCorpusChars = Index{1} << 30;

namespace detail {
struct GrammarProgram;
class FilterState;
}  // namespace detail

// A grammar that was read and found sound. A cheap handle: copies share one grammar, which never changes.
class Grammar {
 public:
  // Reads a grammar. Errors begin with source_name:line:column and say how to mend: bad syntax; something undefined,
  // defined twice, unreachable or never used; a weight that is not positive; left recursion; a rule that never ends, or
  // whose expected length is not finite; a tale that may be empty; a form that may be used before its variable is bound
  // while several words share that form; more variables of a list than it has words; any of the limits above.
  static Grammar parse(std::string_view text, std::string_view source_name);

  // What TracedText::rule indexes: "plain" first, then tags and, for each list of words, its name (a first mention)
  // and its name with "-again" (a recurrence).
  const std::vector<std::string>& rule_names() const;
  // No tale is longer than this many characters; -1 when the grammar recurses, so that there is no such bound.
  Index longest_tale() const;
  // Every character that a tale may hold, ascending.
  std::string alphabet() const;

  const detail::GrammarProgram& program() const { return *program_; }

 private:
  explicit Grammar(std::shared_ptr<const detail::GrammarProgram> program) : program_(std::move(program)) {}
  std::shared_ptr<const detail::GrammarProgram> program_;
};

// Reads text of a grammar from the start of a tale on, and gives the exact probability of each next character: a
// weighted set of all derivations (stack, bindings) that agree with the text so far, equal ones merged.
class GrammarFilter {
 public:
  explicit GrammarFilter(const Grammar& grammar);
  ~GrammarFilter();
  GrammarFilter(GrammarFilter&&) noexcept;
  GrammarFilter& operator=(GrammarFilter&&) noexcept;

  // P(next byte = i | the text so far); sums to 1, or is all 0 after impossible text.
  std::array<double, 256> next_distribution() const;
  // Takes the next character and returns its log-probability in nats; -inf when it is impossible, and ever after.
  // Errors: more derivations alive, or longer chains of rules, than the limits above.
  double advance(char character);
  // False after an impossible character.
  bool alive() const;
  // How many distinct derivations agree with the text so far.
  Index hypotheses() const;
  // Forgets the text: at the start of a tale again.
  void reset();

 private:
  std::unique_ptr<detail::FilterState> state_;
};

// Whole tales until there are at least `chars` characters. The rule and the evidence are those of the derivation that
// was drawn; the probabilities are the filter's. Evidence is set while a bound variable recurs, for the characters that
// stood in its earlier mention (the latest in the same form; failing that, the latest in another form that shares text).
// Errors: chars outside 1..kMaxCorpusChars, a tale over kMaxTaleChars.
TracedText generate(const Grammar& grammar, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// The log-probability of each character of `text`, which begins at the start of a tale and may end anywhere. Impossible
// text gives -inf from its first impossible character on.
std::vector<double> score(const Grammar& grammar, std::string_view text);

}  // namespace headlight
