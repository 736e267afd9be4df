// A run directory: the files that a training run writes.
//
//   config.json         the resolved configuration, the vocabulary, the source and fingerprint of the text
//   model.safetensors   the weights (with --ema, their average) of the step with the lowest validation loss; without
//                       validation, of the last step
//   state.safetensors   the last checkpoint, for --resume: weights, their average (--ema), optimizer, random and
//                       carried state, step
//   log.jsonl           one JSON object per step; log.csv holds the same data for spreadsheets
//   heads.jsonl         head scores during training, with --watch-heads (heads/watch/head_history.h)
//
// Each file is replaced atomically (os/file.h). state.safetensors holds its own copy of the weights, so a run that is
// interrupted between writing the two .safetensors files resumes exactly.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headlight/data/vocabulary.h"
#include "headlight/models/transformer.h"
#include "training/config.h"

namespace headlight {

struct RunInfo {
  RunConfig config;
  Vocabulary vocabulary = Vocabulary::bytes();
  std::string source;                      // the text's RunData::source
  std::uint64_t fingerprint = 0;           // the text's RunData::fingerprint
  std::vector<std::int32_t> document_end;  // the tokens that end a document; empty for plain text
  bool marks_removed = false;              // byte order marks were removed from the text's files
  // The text's unigram and bigram losses (training/counting.h), in nats. Empty: not measured, or the floor is known.
  std::vector<double> counting = {};
  // Origin of the initial weights: a file or directory of another program, or a run. Empty: none.
  std::string imported_from, initialized_from;
  std::uint64_t teacher_fingerprint = 0;  // Teacher::fingerprint; 0: no teacher
  std::string program;                    // the version of Headlight that started the run; empty if unknown
};

class RunDirectory {
 public:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string file(const char* name) const { return cat(path_, "/", name); }
  // Whether the directory has a config.json.
  bool has_run() const;
  // The first existing file with a name that a run uses, even if another program wrote the file; "" if there is none.
  std::string occupied_by() const;
  // Removes the files of a run, checkpoints first. Other files stay.
  void clear() const;
  // Removes temporary files that killed processes left.
  void remove_temporaries() const;

  // The contents of config.json. Error: a path of the text that is not UTF-8.
  static std::string info_text(const RunInfo& info);
  void save_info(const RunInfo& info) const;
  // Errors: no config.json; a config.json that this program did not write.
  RunInfo load_info() const;

 private:
  std::string path_;
};

// A trained model and the run it belongs to.
struct TrainedModel {
  RunInfo info;
  std::unique_ptr<LanguageModel> model;
  Index step = 0;       // the training step of these weights
  double val_loss = 0;  // at this step, nats; NaN if not validated

  // Errors: as_headed(), as_transformer().
  const HeadedModel& headed(const std::string& what) const { return as_headed(*model, what); }
  TransformerLM& transformer(const std::string& what) const { return as_transformer(*model, what); }
};
// Selects model.safetensors (best) or state.safetensors (last). With --ema, both give the average of the weights.
enum class CheckpointChoice { kBest, kLast };
// Errors (each names the file): no run, no checkpoint yet, a damaged file, a file of another program.
TrainedModel load_model(const std::string& directory, CheckpointChoice weights = CheckpointChoice::kBest);

}  // namespace headlight
