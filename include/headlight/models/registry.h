// The registry of model families. The usual commands train, resume, sample, evaluate and plan the models of a
// registered family, with flags of its own:
//
//   register_model({.name = "my-gru",
//                   .help = "a GRU whose layers may add their input",
//                   .shared = {"layers", "width", "dropout"},
//                   .settings = {yes_no_setting("skip", false, "add the input of each layer to its output")},
//                   .make = [](const ModelOptions& o, Index vocabulary) -> std::unique_ptr<LanguageModel> {
//                     return std::make_unique<MyGru>(vocabulary, o.whole("width"), o.yes_no("skip"));
//                   }});
//   return command_line(argc, argv);   // headlight/command_line.h: --model my-gru, --skip, help and completion
//
// In this repository, add one line to the table in src/models/registry.cpp instead.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headlight/models/language_model.h"

namespace headlight {

// A setting of one family: the flag --name and the key name (with underscores) in config.json.
struct ModelSetting {
  enum class Kind { kInteger, kFloat, kYesNo, kChoice };
  std::string name;
  Kind kind;
  std::string value;               // the default, in the form that the flag accepts
  double lowest = 0, highest = 0;  // range of kInteger and kFloat, inclusive
  std::vector<std::string> choices = {};
  std::string help;
};
ModelSetting integer_setting(std::string name, Index value, Index lowest, Index highest, std::string help);
ModelSetting real_setting(std::string name, double value, double lowest, double highest, std::string help);
ModelSetting yes_no_setting(std::string name, bool value, std::string help);
// The first choice is the default.
ModelSetting choice_setting(std::string name, std::vector<std::string> choices, std::string help);

// The values of a family's settings, its own and shared ones. Errors (of each accessor): the family does not declare
// the setting.
class ModelOptions {
 public:
  ModelOptions() = default;
  explicit ModelOptions(std::map<std::string, std::string> values) : values_(std::move(values)) {}

  Index whole(const std::string& name) const;
  double real(const std::string& name) const;
  bool yes_no(const std::string& name) const;
  const std::string& text(const std::string& name) const;

 private:
  std::map<std::string, std::string> values_;  // flag name -> value, in the form that the flag accepts
};

// The costs of a model, for plans and memory estimates.
struct ModelCost {
  double parameters = 0;         // all of them; small vectors such as biases may be left out
  double matrix_parameters = 0;  // in the matrices between embedding and output; each costs 2 FLOPs per token
  double activations = 0;        // floats on the tape per token of a batch
  // Parts of `activations` that the backward pass can recompute (autograd/saved.h).
  double recomputed = 0;          // in large batches, and in all batches under a RematScope
  double recomputed_outputs = 0;  // only under a RematScope
};

struct ModelKind {
  std::string name, help;
  // The shared settings that the family uses, out of layers, heads, width, hidden, dropout, tied, ... (see
  // `headlight models`). All families use context. The default of hidden, -1, reaches `make` as a width: 4 times width,
  // or 8/3 times if the family uses feed-forward and its part has three matrices. 0 means no feed-forward parts.
  std::vector<std::string> shared = {};
  // The family's own settings. Their names differ from those of shared settings and of all other flags.
  std::vector<ModelSetting> settings = {};
  // Builds a model with random weights from generator(). Before the first training step, the shape of its logits and
  // their independence of later tokens are checked (see Objective). Errors: impossible sizes or combinations, in
  // one line that names the setting.
  std::function<std::unique_ptr<LanguageModel>(const ModelOptions&, Index vocabulary)> make;
  // May be empty: the family then has no --minutes and no memory estimate, and training with --data needs --steps
  // or a size. Errors: as for make.
  std::function<ModelCost(const ModelOptions&, Index vocabulary)> cost = {};
  bool heads = false;  // whether `make` returns a HeadedModel
};

// Adds a family; call before command_line(), or before main(). Errors, which command_line() or the first find_model()
// throws: no name or make, a name that is taken, a setting that another family declares differently, a bad default.
// command_line() also refuses unknown names in `shared` and settings named like other flags.
void register_model(ModelKind kind);
// All families, the built-in ones first.
const std::deque<ModelKind>& model_kinds();
// Null if there is no such family.
const ModelKind* find_model(const std::string& name);

}  // namespace headlight
