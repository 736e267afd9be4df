// headlight corpus: text from a built-in corpus or a grammar, and the lowest loss that is possible on it.
#include "cli.h"

namespace headlight::cli {

namespace {

int run(const Arguments& args) {
  const auto grammar = args.text("grammar");
  if (grammar && !args.operands().empty()) throw UsageError("give a corpus or --grammar, not both");
  if (!grammar && args.operands().empty()) {
    std::string names;
    for (const std::string& name : corpus_names()) names += cat(names.empty() ? "" : ", ", name);
    throw UsageError(cat("which corpus? There is: ", names, "; or give --grammar FILE"));
  }
  if (!grammar) check_corpus_name("corpus", args.operands()[0]);
  const Index chars = args.whole("chars", 1000, 1, kMaxCorpusChars);
  const auto seed = static_cast<std::uint64_t>(args.whole("seed", 1, 0, Index{1} << 53));
  const TracedText text = grammar ? generate(Grammar::parse(read_file(*grammar), *grammar), chars, seed)
                                  : corpus(args.operands()[0], chars, seed);
  print(text.text);
  finish_output();
  say(cat("floor ", fixed_text(text.floor(), 4), " nats a character over ", text.size(), " characters in ",
          text.document_starts.size(), " documents: no model can do better on average"));
  return 0;
}

}  // namespace

Command corpus_command() {
  return {.name = "corpus",
          .summary = "Prints text of a built-in corpus, and the lowest possible loss on it.",
          .usage = "NAME | --grammar FILE [--chars N] [--seed N]",
          .examples = {"headlight corpus tales", "headlight corpus tales --chars 100000 --seed 7 > tales.txt",
                       "headlight corpus --grammar my.grammar"},
          .flags = {{"grammar", "FILE", "draw from this grammar instead (data/README.md describes the format)"},
                    {"chars", "N", "characters to write, and on to the end of the document", "Options", "1000"},
                    {"seed", "N", "of the random choices", "Options", "1"}},
          .least_operands = 0,
          .most_operands = 1,
          .run = run};
}

}  // namespace headlight::cli
