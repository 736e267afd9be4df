// The configuration of a run: a plain struct, and a table that holds the name, range or choices, and help of each
// setting. Flags, config.json, --help, completion, error messages and RunConfig::check() are all generated from the
// table.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/words.h"
#include "formats/json.h"
#include "headlight/models/registry.h"
#include "headlight/models/transformer.h"
#include "headlight/optim/schedule.h"

namespace headlight {

enum class TokenUnit { kCharacter, kByte };
enum class OptimizerKind { kAdamW, kSgd, kMuon };

struct RunConfig {
  // ---- text ----
  std::string data;                    // a file, a folder, or "-" (standard input); empty: use `corpus`
  std::vector<std::string> more_data;  // further paths, appended to `data`
  std::string pairs;                   // a file of pairs, instead of `data`
  std::string corpus = "tales";
  std::string grammar;  // a grammar file; if set, the text is generated from this grammar
  Index corpus_chars = 2'000'000;
  TokenUnit tokens = TokenUnit::kCharacter;
  double val_fraction = 0.1;
  // ---- model ----
  std::string model = "transformer";            // the family (models/registry.h)
  std::map<std::string, std::string> own = {};  // values given to the families' own settings
  Index layers = 4, heads = 4, width = 128, context = 64;
  Index kv_heads = 0;       // heads of keys and values; 0: as many as heads
  Index hidden = -1;        // of the feed-forward layer; -1: 4 * width
  std::string layer_heads;  // "4,2,0": heads in each layer of a pruned model
  Index head_size = 0;
  std::string head_slopes;  // "0,2/1,3": ALiBi slope indices by layer, for a pruned model
  double dropout = 0;
  PositionKind position = PositionKind::kLearned;
  NormKind norm = NormKind::kLayer;
  std::string feed_forward = "mlp";
  std::string attention = "full";
  Activation activation = Activation::kGelu;
  bool pre_norm = true, tied = true, bias = true;
  // ---- training ----
  Index batch = 12, accumulate = 1, steps = 2000;
  OptimizerKind optimizer = OptimizerKind::kAdamW;
  double lr = 1e-3, min_lr = 1e-4;
  double matrix_lr = 0.01;  // Muon only: the peak rate of matrices inside blocks; follows the same schedule as lr
  Index warmup = 100;
  Decay decay = Decay::kCosine;
  double beta1 = 0.9, beta2 = 0.99, weight_decay = 0.1, momentum = 0.9;
  double clip = 1;
  double head_dropout = 0;  // training/head_dropout.h
  Index eval_every = 250, eval_windows = 0;
  double save_every = 60;
  Index patience = 0;
  bool stop_on_divergence = false;
  Index seed = 1337;
  Index threads = 0;
  bool watch_heads = false;
  Index watch_every = 0;
  std::string teacher;  // the directory of a run to distill from (training/teacher.h); empty: none
  double distill_weight = 0.9, distill_temperature = 1;
  // Not a setting: the folder that relative paths in `data`, `grammar` and `teacher` refer to. Empty: the current folder.
  std::string folder;
  // Not a setting: keep a byte order mark at the start of a file as a character, for runs of versions that kept the
  // mark.
  bool keep_marks = false;

  std::vector<std::string> all_data() const;
  // Whether the model is a TransformerLM, whose heads can be measured.
  bool is_transformer() const { return model == "transformer"; }
  // The values of the settings that the family uses.
  ModelOptions model_options() const;
  // Builds the model of the family. Errors: a UsageError if there is no such family; those of ModelKind::make.
  std::unique_ptr<LanguageModel> make_model(Index vocabulary) const;
  // Zeros if the family gives no cost. Error: a UsageError for an impossible combination of the model's settings.
  ModelCost cost(Index vocabulary) const;
  // The configuration of a transformer; the family must be `transformer`.
  TransformerConfig transformer(Index vocabulary) const;
  Schedule schedule() const;
  // Checks each setting against its range or choices in the table, then combinations of settings.
  // Error: a UsageError that names the setting, its value and the allowed values.
  void check() const;
  // Estimated peak memory of a training step, in bytes; `vocabulary` is the number of tokens in the vocabulary.
  double memory(Index vocabulary) const;
};

// Accesses an enum field as an index into Setting::choices.
struct ChoiceField {
  std::size_t (*get)(const RunConfig&);  // past the end if the value has no name
  void (*set)(RunConfig&, std::size_t);
};
// A setting of one family, whose value is in RunConfig::own.
struct OwnField {
  ModelSetting setting;
};
using SettingField = std::variant<Index RunConfig::*, double RunConfig::*, bool RunConfig::*, std::string RunConfig::*,
                                  ChoiceField, OwnField>;

struct Setting {
  const char* name;  // "min-lr" stands for the flag --min-lr and the key min_lr in config.json
  SettingField field;
  const char* group;  // the heading in --help
  std::string help;
  double lowest = 0, highest = 0;         // range of a number
  std::vector<std::string> choices = {};  // names of an enum's values
  bool lowest_excluded = false, highest_excluded = false;
  // Whether --resume accepts a value that differs from the stored one. Such a setting does not affect results, or
  // extends the run (steps), or is checked against the fingerprint of the text (data).
  bool free_on_resume = false;

  std::string key() const;  // the name with underscores: "min_lr"
  bool is_switch() const;
  // Whether the setting describes a model, in any family.
  bool describes_model() const;
  // Whether the setting describes models of this family. Error: that of find_family().
  bool is_of(const std::string& family) const;
};

// All settings, in the order --help shows them. Own settings of families come last among those of the model.
const std::vector<Setting>& settings();
// Finds a setting by flag name; null if there is none.
const Setting* find_setting(std::string_view name);

// Sets a setting from text. Error: a UsageError that names the flag, the value and the allowed values.
void set_from_text(RunConfig& config, const Setting& setting, std::string_view text);
// The value as a flag takes it; for an enum, the name of the choice.
std::string text_of(const RunConfig& config, const Setting& setting);
std::string text_of(const RunConfig& config, std::string_view name);  // `name` is a flag name
// Error: the UsageError of set_from_text() if the configuration holds a value that is not allowed.
void check_setting(const RunConfig& config, const Setting& setting);

Json to_json(const RunConfig& config);
// Missing settings keep their value. Errors (each names the file and the setting): unknown, wrong type, out of range.
void from_json(RunConfig& config, const JsonView& json);

// A named configuration for --preset.
struct Preset {
  const char* name;
  const char* help;
  RunConfig config;
};
const std::vector<Preset>& presets();
// Error: a UsageError that lists the names.
const Preset& find_preset(std::string_view name);
// The preset that trains on a built-in corpus; "demo" if no preset does.
std::string preset_of_corpus(std::string_view corpus);

// Error: a UsageError that lists the families.
const ModelKind& find_family(const std::string& name);

// Error: a UsageError that starts with `what`, suggests the closest built-in corpus and lists all of them.
void check_corpus_name(std::string_view what, std::string_view name);

}  // namespace headlight
