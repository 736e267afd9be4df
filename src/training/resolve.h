// Resolves flags, configuration files, presets and plans into the configuration of a run.
//
// Each setting takes its value from the first of these sources that gives one:
//   1. flags
//   2. the file of --config; an empty string in the file gives no value
//   3. the preset named by --preset
//   4. the plan for a time budget: always steps, warmup, eval_every, eval_windows and stop_on_divergence; also size,
//      context, batch, learning rates and dropout if no flag, file or preset sets a size
//   5. the preset implied by the text: the corpus's preset, "cpu" for --data, "demo" for --grammar
//   6. the defaults of RunConfig
//
// With --init, the sizes and the vocabulary of the initial model override all sources; a flag or a file that gives
// another value is an error.
// With --minutes, the plan's steps, warmup, eval_every, eval_windows and stop_on_divergence override the preset (3),
// and the plan's steps also override the file (2).
// Two rules connect settings. In a plan, min_lr is at most lr, unless the user gave min_lr. A flag that names one kind
// of text, such as --corpus, overrides another kind in the file, such as data.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "training/config.h"
#include "training/run_directory.h"

namespace headlight {

// The values a user gave, grouped by source.
struct RequestedSettings {
  std::map<std::string, std::string> flags{};  // name without dashes -> value as text
  std::vector<std::string> data{};             // the value of every --data; flags["data"] holds the first
  std::optional<Json> file{};                  // the settings in --config, by key; read_settings() checks them
  std::string file_name{};
  std::optional<std::string> preset{};
  bool minutes = false;            // whether --minutes was given
  const RunInfo* start = nullptr;  // the run of --init, or null; the new run takes over its sizes and vocabulary
  std::string start_name{};        // the path of --init, for error messages
  // Whether a run that is not loaded yet determines the family (--resume, --init); resolve() then accepts the settings
  // of every family.
  bool any_family = false;

  // Whether a flag or the file gives the setting a value.
  bool has(const Setting& setting) const;
  bool has(std::string_view name) const;
  // Whether a flag, the file or a preset sets the model's size; the plan then must not choose the size.
  bool has_size() const;
  // Whether a plan chooses the missing settings: with --minutes, or with a text but neither size nor steps.
  bool wants_plan() const;
};

// Reads settings into `asked` from a file in the format of --print-config or of config.json.
// Errors: the file cannot be read or parsed; a UsageError for an unknown setting or a value out of range.
void read_settings(RequestedSettings& asked, const std::string& path);

// Resolves `asked` into a configuration; `plan` sets the values that a plan may choose. Each value is in its range;
// RunConfig::check() checks combinations. Errors: a UsageError for a flag with a bad value, an unknown preset, and
// flags that contradict each other or the model of --init.
RunConfig resolve(const RequestedSettings& asked, const std::function<void(RunConfig&)>& plan = {});

// The stored configuration, updated by flags with free_on_resume. Errors: a flag that would change the result; a
// setting of another family than the run's.
RunConfig resolve_resumed(const RequestedSettings& asked, const RunInfo& stored, const std::string& directory);

}  // namespace headlight
