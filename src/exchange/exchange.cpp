// Checks shared by all formats, the NumPy exports, and saving an imported model as a run.
#include "exchange/exchange.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/version.h"
#include "exchange/exchange_files.h"
#include "exchange/gpt2.h"
#include "formats/npy.h"
#include "headlight/base/error.h"
#include "headlight/training/checkpoint.h"
#include "os/atomic_folder.h"
#include "os/file.h"
#include "os/folder.h"
#include "training/state.h"

namespace headlight {

namespace {

// Tolerance for relative logit differences. A different order of additions changes logits by about 1e-7.
constexpr double kRounding = 1e-5;

std::vector<TensorView> weights_of(const std::vector<NamedTensor>& parameters) {
  std::vector<TensorView> views;
  for (const NamedTensor& p : parameters) views.push_back(stored(p.name, p.value));
  return views;
}

}  // namespace

RunInfo without_folders(RunInfo info) {
  for (std::string* path :
       {&info.source, &info.config.data, &info.config.grammar, &info.imported_from, &info.initialized_from})
    *path = path->substr(path->find_last_of('/') + 1);
  return info;
}

void check_reads_back(const TrainedModel& written, const Vocabulary& vocabulary, const LanguageModel& model,
                      const std::string& where, Exported& exported) {
  const Vocabulary& ours = written.info.vocabulary;
  if (vocabulary.size() != ours.size() || vocabulary.characters() != ours.characters())
    fail(where, ": reads back with a different vocabulary; the export was discarded");
  exported.difference = logit_difference(*written.model, model);
  if (!(exported.difference <= kRounding))
    fail(where, ": reads back with different logits (relative difference ", exported.difference,
         "); the export was discarded");
  exported.verified = true;
}

void check_supported(const RunConfig& config, std::span<const char* const> supported, const std::string& format) {
  const RunConfig plain;
  for (const Setting& s : settings()) {
    if (s.group != std::string_view("Model") ||
        std::find(supported.begin(), supported.end(), std::string_view(s.name)) != supported.end())
      continue;
    if (text_of(config, s) != text_of(plain, s))
      fail(format, ": cannot store a model with --", s.name, " ", text_of(config, s),
           "; train one without it, or use --to npz, which stores every model");
  }
}

void check_gpt2_supported(const RunConfig& config, const std::string& format) {
  constexpr const char* kSupported[] = {"layers",      "heads",     "width",   "context",  "hidden",
                                        "layer-heads", "head-size", "dropout", "position", "norm",
                                        "activation",  "pre-norm",  "tied",    "bias"};
  check_supported(config, kSupported, format);
}

Exported export_npz(const TrainedModel& trained, const std::string& path) {
  const std::vector<NamedTensor> parameters = trained.model->parameters();
  save_npz(path, weights_of(parameters), {{"config.json", RunDirectory::info_text(without_folders(trained.info))}});
  Exported exported;
  exported.files = {path};
  return exported;
}

Exported export_npy(const TrainedModel& trained, const std::string& directory) {
  const std::vector<NamedTensor> parameters = trained.model->parameters();
  const std::string config = RunDirectory::info_text(without_folders(trained.info));
  Exported exported;
  write_folder_atomically(directory, [&](const std::string& folder) {
    const auto file = [&](const std::string& name) {
      exported.files.push_back(cat(directory, "/", name));
      return cat(folder, "/", name);
    };
    for (const TensorView& view : weights_of(parameters)) save_npy(file(view.name + ".npy"), view);
    write_file_atomically(file("config.json"), config);
  });
  return exported;
}

void check_imported(const RunConfig& config, const std::string& where) {
  try {
    config.check();
  } catch (const UsageError& e) {
    fail(where, ": ", e.what());
  }
}

void save_imported(const TrainedModel& trained, const std::string& path) {
  const RunDirectory directory(path);
  RunInfo info = trained.info;
  info.program = version();
  RunDirectory::info_text(info);  // throws if the info cannot be stored, before anything is removed
  make_directories(path);
  directory.clear();
  const std::vector<NamedTensor> parameters = trained.model->parameters();
  save_checked(
      directory.file("model.safetensors"), weights_of(parameters),
      {{"format", "headlight"}, {"step", std::to_string(trained.step)}, {"val_loss", real_text(trained.val_loss)}});
  directory.save_info(info);
}

}  // namespace headlight
