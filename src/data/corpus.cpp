#include "headlight/data/corpus.h"

#include <algorithm>

#include "data/embedded.h"
#include "headlight/base/error.h"
#include "headlight/data/grammar.h"

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

struct Corpus {
  const char* name;
  TracedText (*make)(Index chars, std::uint64_t seed, Trace trace);
};

constexpr Corpus kCorpora[] = {
    {"tales", tales},
};

template <class Table>
std::string listed(const Table& names) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace

std::vector<std::string> corpus_names() {
  std::vector<std::string> names;
  for (const Corpus& corpus : kCorpora) names.emplace_back(corpus.name);
  return names;
}

TracedText corpus(std::string_view name, Index chars, std::uint64_t seed, Trace trace) {
  for (const Corpus& known : kCorpora) {
    if (name == known.name) return known.make(chars, seed, trace);
  }
  fail("corpus: there is no corpus '", name, "'; there are: ", listed(corpus_names()));
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
