// Export of models to other programs' formats, and import from them.
//
//   format  contents                                              readers
//   hf      a directory: config.json, model.safetensors,          transformers: AutoModelForCausalLM, AutoTokenizer
//           tokenizer.json, tokenizer_config.json
//   gguf    a file                                                llama.cpp and programs built on it
//   npz     a file: every weight, and the run's config.json       numpy.load
//   npy     a directory: one file per weight, and config.json     numpy.load
//
// hf and gguf store GPT-2 and GPT-NeoX transformers only (exchange/gpt2.h); npz and npy store any model. An hf or gguf
// export is read back from disk; the export fails unless the logits are the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "training/run_directory.h"

namespace headlight {

struct Exported {
  std::vector<std::string> files;    // paths of the files written
  bool verified = false;             // whether the files were read back and their logits compared
  double difference = 0;             // largest logit difference, relative to the largest logit
  std::vector<std::string> notices;  // warnings for users of the files; usually empty
};

// Exports are atomic: files get their final names when they are complete and checked. After an error, earlier files are
// unchanged and no new ones remain. In an existing directory, files with other names stay.
// Errors: a model that the format cannot store (the message names the setting); files that differ when read back.
Exported export_hugging_face(const TrainedModel& trained, const std::string& directory);
Exported export_gguf(const TrainedModel& trained, const std::string& path);
Exported export_npz(const TrainedModel& trained, const std::string& path);
Exported export_npy(const TrainedModel& trained, const std::string& directory);

struct ImportOptions {
  std::optional<Vocabulary> vocabulary;  // replaces the file's own; required if the file has none
  Index heads = 0;                       // 0: the file's value
};
// Imports a Hugging Face directory of a GPT-2 or GPT-NeoX, with config.json, model.safetensors (or
// model.safetensors.index.json and its shards) and tokenizer.json; or a .safetensors file of nanoGPT weights. The
// tokens must be characters or bytes.
// Errors: a missing, extra or misshapen tensor, or a setting that our models do not support. The message names the file
// and the key or tensor.
TrainedModel import_model(const std::string& path, const ImportOptions& options = {});

// Saves the model as a run directory. Removes the files of an earlier run there, so callers must ask first.
void save_imported(const TrainedModel& trained, const std::string& directory);

}  // namespace headlight
