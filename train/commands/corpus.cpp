// headlight corpus: generates text from a built-in corpus or a grammar, and prints its known probabilities and rules.
#include <algorithm>
#include <cmath>
#include <span>

#include "base/format.h"
#include "cli/cli.h"
#include "corpora/grammar/grammar.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/corpora/corpus.h"
#include "headlight/corpora/traced_text.h"
#include "headlight/ops/ops.h"
#include "os/file.h"
#include "terminal/columns.h"
#include "training/config.h"
#include "training/text_files.h"

namespace headlight::cli {

namespace {

// A cell such as "c+1.24": the expert's evidence c, then its score for the actual character minus its mean score.
std::string expert_cell(const TracedText& text, const Expert& expert, std::size_t i) {
  const auto back = static_cast<std::size_t>(expert.evidence[i]);
  if (back == 0) return "-";
  const std::size_t n = text.expert_symbols.size(), row = text.expert_symbols.find(text.text[i - back]);
  const auto score = [&](std::size_t column) { return expert.table[row * n + column]; };
  double mean = 0;
  for (std::size_t column = 1; column < n; ++column) mean += score(column) / static_cast<double>(n - 1);
  const double added = score(text.expert_symbols.find(text.text[i])) - mean;
  return cat(text.text[i - back], added < 0 ? "-" : "+", fixed_text(std::abs(added), 2));
}

constexpr int kExpertColumn = 10;

// A table with one row per character. The last columns are the distance back to the evidence and the rule, or, for a
// corpus with experts, one expert_cell() per expert.
std::string trace_table(const TracedText& text) {
  std::string table = cat("  place  char   chance    nats", text.experts.empty() ? "  back  rule" : "");
  for (const Expert& expert : text.experts) table += padded(expert.name, kExpertColumn);
  table += "\n";
  std::size_t document = 0;
  for (std::size_t i = 0; i < text.text.size(); ++i) {
    if (document + 1 < text.document_starts.size() && text.document_starts[document + 1] <= static_cast<Index>(i)) {
      ++document;
      table += "\n";
    }
    const Index place = static_cast<Index>(i) - text.document_starts[document] + 1;
    const std::int32_t back = text.evidence[i];
    table += cat(padded(std::to_string(place), 7), padded(one_line(std::string(1, text.text[i])), 6),
                 padded(fixed_text(std::exp(text.log_probability[i]), 4), 9),
                 padded(fixed_text(std::abs(text.log_probability[i]), 3), 8));
    if (text.experts.empty())
      table += cat(padded(back > 0 ? std::to_string(back) : "-", 6), "  ", text.rule_names[text.rule[i]]);
    for (const Expert& expert : text.experts)
      table += padded(text.text[i] == '\n' ? "-" : expert_cell(text, expert, i), kExpertColumn);
    table += "\n";
  }
  return table;
}

// Whether each character counts in means. The line breaks of sequences do not, because their position is fixed.
std::vector<bool> counted_text(const TracedText& text, bool sequences) {
  std::vector<bool> counts(text.text.size(), true);
  if (sequences)
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = text.text[i] != '\n';
  return counts;
}

// The mean of -log_p over the characters marked in `counts`.
double loss_where(std::span<const double> log_p, const std::vector<bool>& counts) {
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < log_p.size(); ++i) {
    if (!counts[i]) continue;
    sum -= log_p[i];
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

std::string table_line(const std::string& name, const std::string& share, double loss, const std::string& meaning) {
  std::string left = name;
  left.resize(std::max<std::size_t>(left.size() + 1, 14), ' ');
  left += cat(padded(share, 6), padded(fixed_text(loss, 3), 8));
  return meaning.empty() ? left + "\n" : wrapped(left + "  ", meaning);
}

// A table of a corpus's rules with their share and floor, followed by the reference predictors.
std::string rule_table(const TracedText& text, const std::vector<bool>& counts) {
  std::string table = "rule           share   floor\n";
  const auto all = static_cast<double>(std::count(counts.begin(), counts.end(), true));
  for (std::size_t rule = 0; rule < text.rule_names.size(); ++rule) {
    std::vector<bool> of_rule = counts;
    for (std::size_t i = 0; i < of_rule.size(); ++i) of_rule[i] = of_rule[i] && text.rule[i] == rule;
    const auto count = static_cast<double>(std::count(of_rule.begin(), of_rule.end(), true));
    if (count > 0)
      table += table_line(text.rule_names[rule], cat(fixed_text(100 * count / all, 1), "%"),
                          std::abs(loss_where(text.log_probability, of_rule)),
                          text.rule_meanings.empty() ? "" : text.rule_meanings[rule]);
  }
  if (!text.experts.empty()) table += "expert\n";
  for (const Expert& expert : text.experts) {
    std::string left = expert.name;
    left.resize(16, ' ');
    table += wrapped(left, cat("depends on ", expert.reads));
  }
  if (!text.references.empty()) table += "reference               loss\n";
  for (const Reference& r : text.references)
    table += table_line(r.name, "", loss_where(r.log_probability, counts), r.meaning);
  return table;
}

int run_corpus(const Arguments& args) {
  const auto grammar = args.text("grammar");
  if (grammar && !args.operands().empty()) throw UsageError("give a corpus or --grammar, not both");
  if (!grammar && args.operands().empty()) {
    std::string names;
    for (const std::string& name : corpus_names()) names += cat(names.empty() ? "" : ", ", name);
    throw UsageError(cat("the name of a corpus is missing; choose one of: ", names, ", or give --grammar FILE"));
  }
  if (!grammar) check_corpus_name("corpus", args.operands()[0]);
  const bool trace = args.has("trace");
  const Index chars = args.whole("chars", trace ? 1 : 1000, 1, kMaxCorpusChars);
  const auto seed = static_cast<std::uint64_t>(args.whole("seed", 1, 0, Index{1} << 53));
  const TracedText text = grammar ? generate(Grammar::parse(read_text_file(*grammar), *grammar), chars, seed)
                                  : corpus(args.operands()[0], chars, seed);
  if (!text.traced() && (trace || args.has("rules")))
    fail("--seed ", seed, ": the held-out text of ", args.operands()[0], " has no probabilities; use another seed");
  print(trace ? trace_table(text) : text.text);
  finish_output();
  const CorpusInfo info = grammar ? CorpusInfo() : corpus_info(args.operands()[0]);
  const bool sequences = info.sequence_length > 0;
  const std::vector<bool> counts = counted_text(text, sequences);
  const auto count = std::count(counts.begin(), counts.end(), true);
  const auto documents = text.document_starts.size();
  const char* unit = sequences ? "symbol" : "character";
  std::string known =
      !text.traced()
          ? wrapped("", cat(counted(documents, "held-out pair"),
                            ", without probabilities; use another --seed for a text with them"))
          : wrapped("", cat("floor ", fixed_text(loss_where(text.log_probability, counts), 4), " nats a ", unit,
                            " over ", count, " ", unit, "s in ", documents, sequences ? " line" : " document",
                            documents == 1 ? "" : "s", ": no model has a lower expected loss"));
  if (!info.meaning.empty()) known += wrapped("", info.meaning);
  if (args.has("rules")) known += rule_table(text, counts);
  known.pop_back();  // say() adds the line break
  say(known);
  return 0;
}

std::string corpus_notes() {
  std::string notes = "The corpora:\n";
  for (const std::string& name : corpus_names()) {
    std::string left = cat("  ", name);
    left.resize(24, ' ');
    notes += wrapped(left, corpus_info(name).meaning);
  }
  return notes;
}

}  // namespace

Command corpus_command() {
  return {.name = "corpus",
          .summary = "Prints text of a built-in corpus and its entropy floor.",
          .usage = "NAME | --grammar FILE [--trace] [--rules] [--chars N] [--seed N]",
          .examples = {"headlight corpus tales", "headlight corpus roles --trace          # one line per character",
                       "headlight corpus markov --rules --chars 100000 > markov.txt",
                       "headlight corpus --grammar my.grammar"},
          .flags = {{"grammar", "FILE", "generate from this grammar instead (data/README.md describes the format)"},
                    {"trace", "",
                     "print each character's probability, its rule, and the distance to its evidence; for a corpus "
                     "with experts, each expert's evidence and its contribution to the logit instead"},
                    {"rules", "", "print the rules, with the floor on each rule's characters"},
                    {"chars", "N", "minimum number of characters; generation stops at the end of a document", "Options",
                     "1000; with --trace one document"},
                    {"seed", "N", "random seed", "Options", "1"}},
          .notes = corpus_notes(),
          .least_operands = 0,
          .most_operands = 1,
          .run = run_corpus,
          .operand_choices = corpus_names()};
}

}  // namespace headlight::cli
