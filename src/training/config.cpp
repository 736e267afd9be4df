// RunConfig: conversion to model and schedule settings, checks of combinations, and the memory estimate.
#include "training/config.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "headlight/base/error.h"
#include "headlight/corpora/corpus.h"

namespace headlight {

namespace {

constexpr Index kMostHeads = 1000;  // per layer

// Parses a list such as "4,2,0"; nullopt if `text` is not such a list.
std::optional<std::vector<Index>> parse_list(std::string_view text) {
  std::vector<Index> numbers;
  for (std::size_t at = 0; !text.empty() && at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    Index number = 0;
    const std::string_view item = text.substr(at, end - at);
    const auto [stop, error] = std::from_chars(item.data(), item.data() + item.size(), number);
    if (error != std::errc() || stop != item.data() + item.size() || number < 0 || number > kMostHeads) return {};
    numbers.push_back(number);
    at = end + 1;
  }
  return numbers;
}

std::vector<Index> parse_layer_heads(std::string_view text) {
  if (const auto heads = parse_list(text)) return *heads;
  throw UsageError(
      cat("--layer-heads ", text, ": expected the number of heads of each layer, 0 to ", kMostHeads, ", as in 4,2,0"));
}

// Parses a list of lists such as "0,2//1": three layers, the second without heads.
std::vector<std::vector<Index>> parse_head_slopes(std::string_view text) {
  std::vector<std::vector<Index>> layers;
  for (std::size_t at = 0; !text.empty() && at <= text.size();) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    const auto slopes = parse_list(text.substr(at, end - at));
    if (!slopes)
      throw UsageError(cat("--head-slopes ", text, ": expected the slope indices of each layer's heads, 0 to ",
                           kMostHeads, ", as in 0,2/1"));
    layers.push_back(*slopes);
    at = end + 1;
  }
  return layers;
}

}  // namespace

TransformerConfig RunConfig::model(Index vocabulary) const {
  TransformerConfig c;
  c.vocabulary = vocabulary;
  c.context = context;
  c.layers = layers;
  c.heads = heads;
  c.width = width;
  c.hidden = hidden;
  c.layer_heads = parse_layer_heads(layer_heads);
  c.head_size = head_size;
  c.slopes = parse_head_slopes(head_slopes);
  c.dropout = dropout;
  c.position = position;
  c.norm = norm;
  c.activation = activation;
  c.pre_norm = pre_norm;
  c.tied = tied;
  c.bias = bias;
  return c;
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
  try {
    model(1).check();
  } catch (const Error& e) {
    throw UsageError(e.what());
  }
  if (min_lr > lr) throw UsageError(cat("--min-lr ", min_lr, " is above --lr ", lr, "; use a smaller --min-lr"));
  if (!all_data().empty() && !grammar.empty()) throw UsageError("--data and --grammar cannot both be given");
  if (all_data().empty() && grammar.empty()) {
    check_corpus_name("--corpus", corpus);
    const Index length = corpus_info(corpus).sequence_length;
    if (length > 0 && context > length)
      throw UsageError(cat("--context ", context, ": the sequences of ", corpus, " have ", length, " symbols; use ",
                           length, " or fewer"));
  }
  // In bytes, independent of the machine: larger values come from typing errors.
  constexpr double kMost = 4e11;
  if (memory(1) > kMost)
    throw UsageError(cat("a step of this model would take about ", memory(1) * 1e-9,
                         " GB of memory; use a smaller --width, --hidden, --layers, --context or --batch"));
}

double RunConfig::memory(Index vocabulary) const {
  const auto number = [](Index n) { return static_cast<double>(n); };
  const double c = number(width), f = hidden < 0 ? 4 * c : number(hidden), v = number(vocabulary);
  const TransformerConfig m = model(vocabulary);
  m.check();
  double all_heads = 0;
  for (Index layer = 0; layer < layers; ++layer) all_heads += number(m.heads_in(layer));
  const double inner = all_heads * number(m.size_of_heads());  // total width of all heads in all layers
  const double parameters = 4 * c * inner + number(layers) * 2 * c * f + (v + number(context)) * c;
  const double places = number(batch) * number(context);  // tokens per batch
  // Values on the tape per token and layer: about 10 * width, 3 * hidden, and the attention weights.
  const double activations =
      places * (number(layers) * (6 * c + 3 * f) + 4 * inner + all_heads * number(context) + 4 * c + 3 * v);
  const double ids = 2 * places * number(accumulate);  // inputs and targets of one step
  return 4 * (4 * parameters + activations + ids);     // float32: weights, gradients and AdamW's two moments
}

void check_corpus_name(std::string_view what, std::string_view name) {
  const std::vector<std::string> names = corpus_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  throw UsageError(cat(what, " ", name.empty() ? "''" : name, ": no such corpus; choose one of: ", word_list(names),
                       suggestion(name, names)));
}

}  // namespace headlight
