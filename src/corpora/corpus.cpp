// The table of the built-in corpora, and the floor of a traced text.
#include "headlight/corpora/corpus.h"

#include <algorithm>

#include "base/embedded.h"
#include "corpora/chorus.h"
#include "corpora/grammar/grammar.h"
#include "corpora/sequences.h"
#include "headlight/base/error.h"

namespace headlight {

double TracedText::floor(Index begin, Index end) const {
  if (!traced()) fail("corpus: the text was made without its probabilities, so its floor is not known");
  if (begin < 0 || begin >= end || end > size()) {
    fail("corpus: the range ", begin, "..", end, " is empty or outside the text of ", size(), " characters");
  }
  double sum = 0;
  for (Index i = begin; i < end; ++i) sum -= log_probability[static_cast<std::size_t>(i)];
  return sum / static_cast<double>(end - begin);
}

namespace {

TracedText tales(Index chars, std::uint64_t seed, Trace trace) {
  static const Grammar grammar = Grammar::parse(builtin_grammar_text("tales"), "tales.grammar");
  return generate(grammar, chars, seed, trace);
}

// The period of repeats-fixed is the mean period of repeats.
constexpr RepeatsOptions kFixed = {.shortest = 13, .longest = 13};

const ChorusOptions kChorusInduction = {.offsets = {1}, .induction = true};
constexpr const char* kChorusAlphabet = "\n1234abcdefghijkl";

struct Corpus {
  CorpusInfo info;
  TracedText (*make)(Index chars, std::uint64_t seed, Trace trace);
};

const std::vector<Corpus>& corpora() {
  static const std::vector<Corpus> all = {
      {{"tales",
        "Short tales with recurring names, quotes, brackets, agreement and look-ups, written by a grammar "
        "(data/tales.grammar)."},
       tales},
      {{"repeats",
        "Lines of 6 to 20 different symbols in random order, repeated to 64. How many differs from line to line, so a "
        "model must find the earlier copy and read what followed it: induction.",
        RepeatsOptions().length, "\n012345abcdefghijklmnopqrstuvwxyz"},
       [](Index chars, std::uint64_t seed, Trace trace) { return draw_repeats({}, chars, seed, trace); }},
      {{"repeats-fixed",
        "A trap: as repeats, but always with 13 symbols. It looks as if it needed induction, and a head that always "
        "looks 12 places back solves it.",
        kFixed.length, "\n012345abcdefghijklmnopqrstuvwxyz"},
       [](Index chars, std::uint64_t seed, Trace trace) { return draw_repeats(kFixed, chars, seed, trace); }},
      {{"roles",
        "Lines of 96 symbols in which a marker or a key forces the symbol after it, by five rules that each need "
        "another earlier symbol.",
        RolesOptions().length, "\n1234=@ABCDEF^abcdefghijkl~"},
       [](Index chars, std::uint64_t seed, Trace trace) { return draw_roles({}, chars, seed, trace); }},
      {{"markov",
        "Lines of 64 symbols, a to d, each line with its own chances of which follows which; a model must learn them "
        "while it reads.",
        MarkovOptions().length, "\nabcd"},
       [](Index chars, std::uint64_t seed, Trace trace) { return draw_markov({}, chars, seed, trace); }},
      {{"chorus",
        "Lines of 64 symbols, each of which depends on five symbols before it at the same time: the last, the one "
        "before, three before, the first of the line and the latest digit. One head reads one of them, so a model "
        "needs four heads; the last needs none.",
        ChorusOptions().length, kChorusAlphabet},
       [](Index chars, std::uint64_t seed, Trace trace) { return draw_chorus({}, chars, seed, trace); }},
      {{"chorus-induction",
        "As chorus, with the symbol after the latest copy of the last one instead of the one three before: it is "
        "found by two layers.",
        kChorusInduction.length, kChorusAlphabet},
       [](Index chars, std::uint64_t seed, Trace trace) { return draw_chorus(kChorusInduction, chars, seed, trace); }},
  };
  return all;
}

template <class Table>
std::string listed(const Table& names) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

const Corpus& find(std::string_view name) {
  for (const Corpus& known : corpora())
    if (name == known.info.name) return known;
  fail("corpus: there is no corpus '", name, "'; there are: ", listed(corpus_names()));
}

}  // namespace

std::vector<std::string> corpus_names() {
  std::vector<std::string> names;
  for (const Corpus& corpus : corpora()) names.push_back(corpus.info.name);
  return names;
}

const CorpusInfo& corpus_info(std::string_view name) { return find(name).info; }

TracedText corpus(std::string_view name, Index chars, std::uint64_t seed, Trace trace) {
  return find(name).make(chars, seed, trace);
}

std::string_view builtin_grammar_text(std::string_view name) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < detail::kEmbeddedFileCount; ++i) {
    const detail::EmbeddedFile& file = detail::kEmbeddedFiles[i];
    if (name == file.name) return {reinterpret_cast<const char*>(file.bytes), file.size};
    names.emplace_back(file.name);
  }
  fail("corpus: there is no built-in grammar '", name, "'; there are: ", listed(names));
}

}  // namespace headlight
