// From what a user asked for to the configuration of a run: the one place where flags, files, presets and plans meet.
//
// For each setting the first of these that gives it a value wins:
//   1. flags
//   2. the file of --config; an empty text in it gives no value
//   3. the preset named by --preset
//   4. the plan, for a given time: size, context, batch, rates and dropout, unless a flag, the file or a preset sets a size;
//      steps, warmup, eval_every, eval_windows and stop_on_divergence in any case
//   5. the preset implied by the text: that of the corpus, cpu for --data, demo for --grammar
//   6. the defaults of RunConfig
// The sizes and the vocabulary of a model whose weights a run starts from (--init) replace all of these; a flag or a file
// that gives another value is an error.
// --minutes is a flag that stands for the steps and what follows from them: it puts steps, warmup, eval_every, eval_windows
// and stop_on_divergence of 4 above 3, and steps above 2 too. Two values follow others: min_lr, which nobody gave, is at
// most lr in a plan; a flag that names a text clears the file's text of another kind.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "training/config.h"
#include "training/run_directory.h"

namespace headlight {

// What was asked for, by where it was said.
struct Asked {
  std::map<std::string, std::string> flags{};  // by name without dashes, as text
  std::vector<std::string> data{};             // every --data; the first stands in flags too
  std::optional<Json> file{};                  // settings by key; read_settings() checks them
  std::string file_name{};
  std::optional<std::string> preset{};
  bool minutes = false;            // a time was given
  const RunInfo* start = nullptr;  // of the weights to start from, whose sizes and vocabulary the run takes over
  std::string start_name{};        // for errors

  // By a flag or the file.
  bool has(const Setting& setting) const;
  bool has(std::string_view name) const;
  // Whether the model's size was said, so that no plan may choose it.
  bool has_size() const;
  // Whether a plan is to choose what was not asked for: --minutes, or a text with neither size nor steps.
  bool wants_plan() const;
};

// Reads the settings of a file, as --print-config prints them or as config.json holds them, into `asked`.
// Errors: those of the file; UsageError for what is no setting or outside its range.
void read_settings(Asked& asked, const std::string& path);

// The configuration for what was asked; `plan` changes what a plan may choose. Values are in their ranges; check() finds
// combinations. Errors: UsageError for a flag with a bad value, an unknown preset, flags that contradict each other or
// the model whose weights the run starts from.
RunConfig resolve(const Asked& asked, const std::function<void(RunConfig&)>& plan = {});

// The stored configuration with the flags that may change on resume. Error: a flag that would change the result.
RunConfig resolve_resumed(const Asked& asked, const RunInfo& stored, const std::string& directory);

}  // namespace headlight
