// The configuration of a run: one plain struct, and one table that says everything else about each setting: its name on
// the command line and in config.json, its range or choices, its help. Flags, files, --help, completion, messages and
// RunConfig::check() are all made from the table.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/words.h"
#include "formats/json.h"
#include "headlight/models/transformer.h"
#include "headlight/optim/schedule.h"

namespace headlight {

enum class TokenUnit { kCharacter, kByte };
enum class OptimizerKind { kAdamW, kSgd };

struct RunConfig {
  // ---- text ----
  std::string data;                    // a file, a folder of files, "-"; empty: the corpus
  std::vector<std::string> more_data;  // what comes after it
  std::string corpus = "tales";
  std::string grammar;  // a grammar file to draw the text from instead
  Index corpus_chars = 2'000'000;
  TokenUnit tokens = TokenUnit::kCharacter;
  double val_fraction = 0.1;
  // ---- model ----
  Index layers = 4, heads = 4, width = 128, context = 64;
  Index hidden = -1;
  std::string layer_heads;  // "4,2,0": of a pruned model
  Index head_size = 0;
  std::string head_slopes;  // "0,2/1,3": of a pruned model with ALiBi
  double dropout = 0;
  PositionKind position = PositionKind::kLearned;
  NormKind norm = NormKind::kLayer;
  Activation activation = Activation::kGelu;
  bool pre_norm = true, tied = true, bias = true;
  // ---- training ----
  Index batch = 12, accumulate = 1, steps = 2000;
  OptimizerKind optimizer = OptimizerKind::kAdamW;
  double lr = 1e-3, min_lr = 1e-4;
  Index warmup = 100;
  Decay decay = Decay::kCosine;
  double beta1 = 0.9, beta2 = 0.99, weight_decay = 0.1, momentum = 0.9;
  double clip = 1;
  Index eval_every = 250, eval_windows = 0;
  double save_every = 60;
  Index patience = 0;
  bool stop_on_divergence = false;
  Index seed = 1337;
  Index threads = 0;
  bool watch_heads = false;
  Index watch_every = 0;
  // Not a setting: the folder in which relative paths of data and grammar were given. Empty: the current one.
  std::string folder;
  // Not a setting either: a byte order mark at the start of a file is a character, as in runs of programs that kept it.
  bool keep_marks = false;

  std::vector<std::string> all_data() const;
  TransformerConfig model(Index vocabulary) const;
  Schedule schedule() const;
  // Error: a UsageError that names the setting, its value and what is allowed: each setting's range or choices as the table
  // has them, then the combinations that no single setting can be blamed for.
  void check() const;
  // About how many bytes a training step takes with so many tokens in the vocabulary.
  double memory(Index vocabulary) const;
};

// A field of an enum, as the index of its value in Setting::choices.
struct ChoiceField {
  std::size_t (*get)(const RunConfig&);  // past the end for a value that has no name
  void (*set)(RunConfig&, std::size_t);
};
using SettingField =
    std::variant<Index RunConfig::*, double RunConfig::*, bool RunConfig::*, std::string RunConfig::*, ChoiceField>;

struct Setting {
  const char* name;  // "min-lr": --min-lr, and min_lr in config.json
  SettingField field;
  const char* group;  // heading in --help
  std::string help;
  double lowest = 0, highest = 0;         // of numbers
  std::vector<std::string> choices = {};  // of enums
  bool lowest_excluded = false, highest_excluded = false;
  // May be given with --resume and differ from what the run was started with: it does not change what is computed, or
  // (steps) says how far, or (data) is checked against the run's text.
  bool free_on_resume = false;

  std::string key() const;  // with underscores
  bool is_switch() const { return std::holds_alternative<bool RunConfig::*>(field); }
};

// All settings, in the order --help shows them.
const std::vector<Setting>& settings();
// By flag name, or null.
const Setting* find_setting(std::string_view name);

// Sets one from text. Error: UsageError that names the flag, the value and what is allowed.
void set_from_text(RunConfig& config, const Setting& setting, std::string_view text);
// The value as a flag would give it; of an enum, the name of the choice.
std::string text_of(const RunConfig& config, const Setting& setting);
std::string text_of(const RunConfig& config, std::string_view name);  // by flag name
// Error: a UsageError like set_from_text's when the value that the configuration holds is not allowed.
void check_setting(const RunConfig& config, const Setting& setting);

Json to_json(const RunConfig& config);
// Settings that are missing keep their value. Errors name the file and the setting: unknown, wrong kind, out of range.
void from_json(RunConfig& config, const JsonView& json);

// Ready-made configurations.
struct Preset {
  const char* name;
  const char* help;
  RunConfig config;
};
const std::vector<Preset>& presets();
// Error: UsageError listing the names.
const Preset& find_preset(std::string_view name);
// The preset for a built-in corpus: that which trains on it, or "demo".
std::string preset_of_corpus(std::string_view corpus);

// Error: UsageError that lists the built-in corpora, with the closest one; `what` begins the line.
void check_corpus_name(std::string_view what, std::string_view name);

}  // namespace headlight
