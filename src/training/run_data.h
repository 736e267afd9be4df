// The text of a run: from a file or a corpus to the tokens that are trained and validated on.
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
  // Of a text from files: how many, and what was left out of folders (training/text_files.h).
  Index files = 0;
  std::vector<std::string> skipped;
  std::vector<std::string> marked;  // those whose byte order mark was removed
  Vocabulary vocabulary = Vocabulary::bytes();
  TokenText train, validation;
  // The name of a corpus of sequences (corpora/sequences.h): training draws new ones for every batch, so that none comes
  // twice, and `train` is only a sample. Empty: training draws windows of `train`.
  std::string fresh;
  // What ends a document of a corpus; empty for plain text. See windows.h.
  std::vector<std::int32_t> document_end;
  // Of each validation token, the logarithm of its true probability. Empty when the truth is not known.
  std::vector<double> validation_log_probability;
  // How far back the evidence for each validation token stands; 0: none. See corpora/traced_text.h.
  std::vector<std::int32_t> validation_evidence;
  // The rule that wrote each validation token, and the rules' names; empty when the truth is not known.
  std::vector<std::uint8_t> validation_rule;
  std::vector<std::string> rule_names;
  std::vector<Reference> validation_references;
  // The experts that decide each validation token together, if the corpus has them, with their evidence for each.
  std::string expert_symbols;
  std::vector<Expert> validation_experts;
  // Tells this text from another: a hash of all of it.
  std::uint64_t fingerprint = 0;

  // What models are measured on: the validation part, or all where there is none.
  const TokenText& measured_text() const { return validation.ids.empty() ? train : validation; }
  bool has_floor() const { return !validation_log_probability.empty(); }
};

// Reads or draws the text that a configuration names, cuts it, and checks that it is long enough for the context.
// With `known`, the text is encoded with that vocabulary instead of its own.
// Errors: a file that is missing, unreadable, empty, not UTF-8, too short; an unknown corpus; a bad grammar.
RunData load_run_data(const RunConfig& config, const Vocabulary* known = nullptr);

// Fills `batch` with `rows` windows to train on, drawn by `rng`: of data.train (random_windows), or the first `context`
// symbols of new sequences, each after the line break that starts it.
void draw_batch(const RunData& data, Index context, Index rows, Rng& rng, Batch& batch);

// The text of files (training/text_files.h) by itself, all of it as `validation`.
RunData load_evaluation_text(const std::vector<std::string>& paths, const Vocabulary& vocabulary);

}  // namespace headlight
