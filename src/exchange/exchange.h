// Models to and from other programs: export and import.
//
//   to      what it is                                            who reads it
//   hf      a directory: config.json, model.safetensors,          transformers: AutoModelForCausalLM, AutoTokenizer
//           tokenizer.json, tokenizer_config.json
//   gguf    a file                                                llama.cpp and what is built on it
//   npz     a file: every weight, and the run's config.json       numpy.load
//   npy     a directory: a file a weight, and config.json         numpy.load
//
// hf and gguf hold the kind of transformer that GPT-2 and GPT-NeoX are (exchange/gpt2.h); NumPy takes any. What is exported as hf
// or gguf is read back from the disk and must give the same logits, or the export is an error.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "training/run_directory.h"

namespace headlight {

struct Exported {
  std::vector<std::string> files;    // what was written
  bool verified = false;             // read back, and the logits compared
  double difference = 0;             // the largest between logits, relative to the largest logit
  std::vector<std::string> notices;  // what to know before using it; often nothing
};

// A file or directory takes its name when it is whole and was checked: after an error what was there is as before, and
// nothing else is left. In a directory that exists, files of other names stay.
// Errors: a model that the format cannot hold, naming what does not fit; files that differ when read back.
Exported export_hugging_face(const TrainedModel& trained, const std::string& directory);
Exported export_gguf(const TrainedModel& trained, const std::string& path);
Exported export_npz(const TrainedModel& trained, const std::string& path);
Exported export_npy(const TrainedModel& trained, const std::string& directory);

struct ImportOptions {
  std::optional<Vocabulary> vocabulary;  // instead of the file's own; needed where it has none
  Index heads = 0;                       // 0: what the file says
};
// A directory with config.json, model.safetensors (or model.safetensors.index.json and the files that it names) and
// tokenizer.json in Hugging Face's layout of GPT-2 or GPT-NeoX, or a
// .safetensors file of nanoGPT's weights. The vocabulary must be one of characters or bytes.
// Errors: everything that is missing, misshapen, superfluous, or that a model of ours does not do; one line, with the file
// and the key or tensor.
TrainedModel import_model(const std::string& path, const ImportOptions& options = {});

// Makes a run directory of it, for every command that looks at a trained model. Files of an earlier run there are removed:
// whether that is wanted is for the caller to ask.
void save_imported(const TrainedModel& trained, const std::string& directory);

}  // namespace headlight
