// RunConfig: conversion to model and schedule settings, checks of combinations, and the memory estimate.
#include "training/config.h"

#include <algorithm>
#include <map>
#include <utility>

#include "headlight/autograd/saved.h"
#include "headlight/base/error.h"
#include "headlight/corpora/corpus.h"
#include "models/families.h"

namespace headlight {

ModelOptions RunConfig::model_options() const {
  std::map<std::string, std::string> values;
  for (const Setting& s : settings())
    if (s.is_of(model)) values[s.name] = text_of(*this, s);
  if (const auto found = values.find("hidden"); found != values.end() && hidden == -1) {
    TransformerConfig sizes;
    sizes.width = width;
    if (values.count("feed-forward") > 0) sizes.feed_forward = feed_forward;
    found->second = std::to_string(sizes.hidden_size());
  }
  return ModelOptions(std::move(values));
}

std::unique_ptr<LanguageModel> RunConfig::make_model(Index vocabulary) const {
  std::unique_ptr<LanguageModel> made = find_family(model).make(model_options(), vocabulary);
  if (!made) fail("--model ", model, ": its make function returned null; return a model");
  return made;
}

std::unique_ptr<Optimizer> RunConfig::make_optimizer(std::vector<NamedTensor> parameters) const {
  return find_optimizer(optimizer).make(std::move(parameters), {.beta1 = beta1,
                                                                .beta2 = beta2,
                                                                .momentum = momentum,
                                                                .weight_decay = weight_decay,
                                                                .matrix_rate = matrix_lr / lr});
}

TransformerConfig RunConfig::transformer(Index vocabulary) const {
  return transformer_config(model_options(), vocabulary);
}

bool RunConfig::has_heads() const { return find_family(model).heads; }

bool RunConfig::has_cost() const { return static_cast<bool>(find_family(model).cost); }

ModelCost RunConfig::cost(Index vocabulary) const {
  const ModelKind& family = find_family(model);
  try {
    return family.cost ? family.cost(model_options(), vocabulary) : ModelCost{};
  } catch (const UsageError&) {
    throw;
  } catch (const Error& e) {
    throw UsageError(e.what());
  }
}

std::vector<std::string> RunConfig::all_data() const {
  std::vector<std::string> all;
  if (!data.empty()) all.push_back(data);
  all.insert(all.end(), more_data.begin(), more_data.end());
  return all;
}

Schedule RunConfig::schedule() const {
  return {.peak = lr, .lowest = min_lr, .warmup = warmup, .steps = steps, .decay = decay};
}

void RunConfig::check() const {
  for (const Setting& setting : settings()) check_setting(*this, setting);
  cost(1);  // checks combinations of the model's settings
  if (watch_heads && !has_heads())
    throw UsageError(cat("--watch-heads: the model ", model, " has no attention heads; omit the flag"));
  if (head_dropout > 0 && !is_transformer())
    throw UsageError(
        cat("--head-dropout ", head_dropout, ": the model ", model, " is not a transformer; omit the flag"));
  const ModelCost model_cost = cost(1);
  if (remat && find_family(model).cost && model_cost.recomputed + model_cost.recomputed_outputs == 0)
    throw UsageError(cat("--remat: the model ", model, " stores nothing that could be recomputed; omit the flag"));
  if (min_lr > lr) throw UsageError(cat("--min-lr ", min_lr, " is above --lr ", lr, "; use a smaller --min-lr"));
  if (!all_data().empty() && !grammar.empty()) throw UsageError("--data and --grammar cannot both be given");
  if (!pairs.empty() && !(all_data().empty() && grammar.empty()))
    throw UsageError(cat("--pairs and --", grammar.empty() ? "data" : "grammar", " cannot both be given"));
  if (pairs == "-") throw UsageError("--pairs -: is not a file; name a file of pairs");
  if (all_data().empty() && grammar.empty() && pairs.empty()) {
    check_corpus_name("--corpus", corpus);
    const Index length = corpus_info(corpus).sequence_length;
    if (length > 0 && context > length)
      throw UsageError(cat("--context ", context, ": the sequences of ", corpus, " have ", length, " symbols; use ",
                           length, " or fewer"));
  }
  // A limit in bytes, independent of the machine, against typing errors.
  constexpr double kMax = 4e11;
  if (memory(1) > kMax)
    throw UsageError(cat("a step of this model would take about ", memory(1) * 1e-9,
                         " GB of memory; use a smaller --width, --hidden, --layers, --context or --batch"));
}

double RunConfig::memory(Index vocabulary) const {
  const ModelCost model_cost = cost(vocabulary);
  const double count = static_cast<double>(batch) * static_cast<double>(context);
  const double ids = 2 * count * static_cast<double>(accumulate);  // inputs and targets of one step
  const OptimizerKind& kind = find_optimizer(optimizer);
  const double others = model_cost.parameters - model_cost.matrix_parameters;
  const double state = static_cast<double>(kind.matrix_state) * model_cost.matrix_parameters +
                       static_cast<double>(kind.other_state) * others + (ema > 0 ? model_cost.parameters : 0);
  const double norms = static_cast<double>(width) * count * 4;  // bytes of one norm's result
  const bool recomputes = remat || norms >= static_cast<double>(recompute_bytes());
  const double activations =
      model_cost.activations - (recomputes ? model_cost.recomputed : 0) - (remat ? model_cost.recomputed_outputs : 0);
  // Four bytes each for weights, optimizer state and ids. Gradients and activations count as the larger of the two,
  // because the gradients grow while the tape shrinks.
  return 4 * (model_cost.parameters + state + std::max(model_cost.parameters, count * activations) + ids);
}

const ModelKind& find_family(const std::string& name, std::string_view flag) {
  if (const ModelKind* kind = find_model(name)) return *kind;
  std::vector<std::string> names;
  for (const ModelKind& kind : model_kinds()) names.push_back(kind.name);
  throw UsageError(cat(flag, name.empty() ? "''" : name, ": this program has no such model; it has: ", word_list(names),
                       suggestion(name, names)));
}

void check_corpus_name(std::string_view what, std::string_view name) {
  const std::vector<std::string> names = corpus_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  throw UsageError(cat(what, " ", name.empty() ? "''" : name, ": no such corpus; choose one of: ", word_list(names),
                       suggestion(name, names)));
}

}  // namespace headlight
