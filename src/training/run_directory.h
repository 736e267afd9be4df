// A run directory: everything a training run leaves behind.
//
//   config.json         the resolved configuration, the vocabulary, and which text it was
//   model.safetensors   the weights of the best step (lowest validation loss; the last step when nothing is validated)
//   state.safetensors   the last checkpoint: weights, optimizer, random states, position; what --resume goes on from
//   log.jsonl           one object a step; log.csv: the same for spreadsheets
//   heads.jsonl         what the heads did while it trained, if that was asked for (heads/watch/head_history.h)
//
// Each file is replaced whole (os/file.h), so at any moment each is either the old or the new one. The state stands for
// itself: it holds its own weights, so that a run interrupted between the two writes resumes as if it had not been.
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
  std::string source;                      // of the text
  std::uint64_t fingerprint = 0;           // of the text
  std::vector<std::int32_t> document_end;  // what ends a document of the text; empty for plain text
  bool marks_removed = false;              // byte order marks at the starts of the text's files were stripped
  // The losses of unigrams and bigrams on the text (training/counting.h). Empty: not measured, or the lowest possible is known.
  std::vector<double> counting = {};
  // Where the weights were when the run began: a file or directory of another program / another run. Empty: nowhere.
  std::string imported_from, initialised_from;
  std::string program;  // the version that started the run; empty when it did not say
};

class RunDirectory {
 public:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string file(const char* name) const { return cat(path_, "/", name); }
  // Whether a run was started here.
  bool has_run() const;
  // The first file there under a name that a run uses, whoever wrote it; "" when there is none.
  std::string occupied_by() const;
  // Removes the files of a run, the checkpoints first / what writers that were killed have left. Others stay.
  void clear() const;
  void remove_temporaries() const;

  // What config.json will hold. Error: a name of a text that is not UTF-8.
  static std::string info_text(const RunInfo& info);
  void save_info(const RunInfo& info) const;
  // Errors: no run here; a config.json that is not what this program writes.
  RunInfo load_info() const;

 private:
  std::string path_;
};

// A model that was trained, ready to use.
struct TrainedModel {
  RunInfo info;
  std::unique_ptr<CharTransformer> model;
  Index step = 0;       // at which these weights stood
  double val_loss = 0;  // NaN when it was not validated
};
// Which of the two sets of weights a run keeps.
enum class Weights { kBest, kLast };
// Errors: no run, a damaged or foreign file; each line names the file.
TrainedModel load_model(const std::string& directory, Weights weights = Weights::kBest);

}  // namespace headlight
