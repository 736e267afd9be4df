// Loads the text of a run: turns files, a corpus or a grammar into training and validation tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headlight/corpora/traced_text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"
#include "training/config.h"

namespace headlight {

struct RunData {
  std::string source;  // "tales", or the file's path, or "a.txt and 2 more"
  // For a text from files: the number of files, and the files skipped in folders (training/text_files.h).
  Index files = 0;
  std::vector<std::string> skipped;
  std::vector<std::string> marked;  // files whose byte order mark was removed
  Vocabulary vocabulary = Vocabulary::bytes();
  TokenText train, validation;
  // The name of a corpus of sequences (corpora/sequences.h): training generates new sequences for every batch, and
  // `train` is only a sample. Empty: training draws windows from `train`.
  std::string fresh;
  // The tokens that end a document of a corpus (windows.h); empty for plain text.
  std::vector<std::int32_t> document_end;
  // Whether each document is a pair: a source, a tab, a target and a line break. The ids of tab and line break are
  // kPairTab and kPairEnd.
  bool pairs = false;
  // The log of each validation token's true probability, in nats; empty if the distribution is unknown.
  std::vector<double> validation_log_probability;
  // The distance from each validation token back to its evidence, in tokens; 0: none (corpora/traced_text.h).
  std::vector<std::int32_t> validation_evidence;
  // The rule that generated each validation token, as an index into `rule_names`; empty if the rules are unknown.
  std::vector<std::uint8_t> validation_rule;
  std::vector<std::string> rule_names;
  std::vector<Reference> validation_references;
  // The experts whose scores together determine each validation token, and their evidence; empty without experts.
  std::string expert_symbols;
  std::vector<Expert> validation_experts;
  // A hash of the whole text, to detect that a text has changed.
  std::uint64_t fingerprint = 0;

  // The text to evaluate models on: the validation part, or the training part if there is no validation part.
  const TokenText& measured_text() const { return validation.ids.empty() ? train : validation; }
  // The smallest context for a model of pairs: the length in tokens of the longest pair, with the line break before it.
  Index longest_pair() const;
  // Clears the true probabilities, rules, evidence and references. They describe the prediction of the next token, so
  // models with another objective cannot be compared with them.
  void clear_truth();
  bool has_floor() const { return !validation_log_probability.empty(); }
};

// Reads or generates the text of a configuration, splits it, and checks that both parts are longer than the context.
// Encodes the text with the vocabulary `known` if given; otherwise builds a vocabulary from the text.
// Errors: a file that is missing, unreadable, empty, not UTF-8 or too short; an unknown corpus; a bad grammar.
RunData load_run_data(const RunConfig& config, const Vocabulary* known = nullptr);

// Fills `batch` with `rows` training windows drawn with `rng`, for Sampling::kRandom: random windows of data.train. If
// data.fresh is set, they are instead, for either order, the first `context` symbols of new sequences, each preceded by
// a line break.
void draw_batch(const RunData& data, Index context, Index rows, Rng& rng, Batch& batch);

// Loads files (training/text_files.h) as one text, all in `validation`.
RunData load_evaluation_text(const std::vector<std::string>& paths, const Vocabulary& vocabulary);

}  // namespace headlight
