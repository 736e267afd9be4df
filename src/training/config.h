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
#include "headlight/data/windows.h"
#include "headlight/models/registry.h"
#include "headlight/models/transformer.h"
#include "headlight/optim/optimizer.h"
#include "headlight/optim/schedule.h"

namespace headlight {

enum class TokenUnit { kCharacter, kByte };

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
  std::map<std::string, std::string> own = {};  // values of settings that the families declare themselves
  Index layers = 4, heads = 4, width = 128, context = 64;
  Index kv_heads = 0;       // heads of keys and values; 0: as many as heads
  Index hidden = -1;        // of the feed-forward layer; -1: see TransformerConfig
  std::string layer_heads;  // "4,2,0": heads in each layer of a pruned model
  Index head_size = 0;
  double dropout = 0;
  // Names in the tables of parts.
  std::string position = "learned", norm = "layer", feed_forward = "mlp", attention = "full", activation = "gelu";
  bool pre_norm = true, tied = true, bias = true;
  // ---- training ----
  Index batch = 12, accumulate = 1, steps = 2000;
  std::string optimizer = "adamw";
  double lr = 1e-3, min_lr = 1e-4;
  double matrix_lr = 0.01;  // Muon only: the peak rate of matrices inside blocks; follows the same schedule as lr
  Index warmup = 100;
  Sampling sampling = Sampling::kRandom;
  Decay decay = Decay::kCosine;
  double beta1 = 0.9, beta2 = 0.99, weight_decay = 0.1, momentum = 0.9;
  double clip = 1;
  double ema = 0;  // decay of an average of the weights (training/weight_average.h); 0: no average
  Precision precision = Precision::kFloat32;  // of the products in training steps; validation uses float32
  bool remat = false;                         // RematScope in training steps (autograd/saved.h)
  double head_dropout = 0;                    // training/head_dropout.h
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
  // Not a setting: the folder to which relative paths in `data`, `grammar` and `teacher` refer; empty: the current
  // folder.
  std::string folder;
  // Not a setting: treat a byte order mark at the start of a file as a character. Set for runs of older versions, whose
  // vocabulary contains the mark.
  bool keep_byte_order_marks = false;

  std::vector<std::string> all_data() const;
  // Whether the model is a TransformerLM.
  bool is_transformer() const { return model == "transformer"; }
  // Whether the model has attention heads that can be measured. Error: that of find_family().
  bool has_heads() const;
  // The values of the settings that the family uses, with `hidden` as a width instead of -1.
  ModelOptions model_options() const;
  // Builds the model of the family. Errors: a UsageError if there is no such family; those of ModelKind::make; a null
  // result of ModelKind::make.
  std::unique_ptr<LanguageModel> make_model(Index vocabulary) const;
  // The optimizer that --optimizer names, with its settings.
  std::unique_ptr<Optimizer> make_optimizer(std::vector<NamedTensor> parameters) const;
  // Whether the family has a cost function, so that memory() is an estimate.
  bool has_cost() const;
  // The cost of the model; zeros if the family has no cost function. Error: a UsageError for an impossible combination
  // of the model's settings.
  ModelCost cost(Index vocabulary) const;
  // The configuration of a transformer; the family must be `transformer`.
  TransformerConfig transformer(Index vocabulary) const;
  Schedule schedule() const;
  // Checks each setting against its range or choices in the table, then combinations of settings.
  // Error: a UsageError that names the setting, its value and the allowed values.
  void check() const;
  // Estimated peak memory of a training step, in bytes; `vocabulary` is the number of tokens in the vocabulary.
  // Meaningless if the family has no cost function.
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
  double lowest = 0, highest = 0;             // range of a number
  std::vector<std::string> choices = {};      // names of an enum's values, or of parts
  std::vector<std::string> choice_help = {};  // of each part
  bool lowest_excluded = false, highest_excluded = false;
  // Whether --resume accepts a value that differs from the stored value. Such a setting does not affect results
  // (threads), extends the run (steps), or names a file whose contents a fingerprint checks (data).
  bool free_on_resume = false;

  std::string key() const;  // the name with underscores: "min_lr"
  bool is_switch() const;
  // Whether the setting describes a model, in any family.
  bool describes_model() const;
  // Whether the setting describes models of this family. Error: that of find_family().
  bool is_of(const std::string& family) const;
};

// All settings, in the order of --help. In the group "Model", settings that families declare themselves come last.
const std::vector<Setting>& settings();
// Checks the registered families. Errors: a family shares a setting that does not exist; its own setting is named like
// a shared setting, or like a setting of text or training.
void check_families();
// Finds a setting by flag name; null if there is none.
const Setting* find_setting(std::string_view name);

// Sets a setting from text. Error: a UsageError that names the flag, the value and the allowed values.
void set_from_text(RunConfig& config, const Setting& setting, std::string_view text);
// The value as text, in the form that the flag accepts; for an enum, the name of the choice.
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
// The name of the preset for a built-in corpus; "demo" for a corpus that has no preset.
std::string preset_of_corpus(std::string_view corpus);

// Error: a UsageError that starts with `flag` and the name and lists the families.
const ModelKind& find_family(const std::string& name, std::string_view flag = "--model ");

// Error: a UsageError that starts with `what`, suggests the closest built-in corpus and lists all of them.
void check_corpus_name(std::string_view what, std::string_view name);

}  // namespace headlight
