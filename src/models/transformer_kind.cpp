// The family `transformer`: its settings, and the size of its training step.
#include <algorithm>
#include <charconv>
#include <optional>

#include "models/families.h"

namespace headlight {

namespace {

constexpr Index kMaxHeads = 1000;  // per layer

// Parses a list such as "4,2,0"; nullopt if `text` is not such a list.
std::optional<std::vector<Index>> parse_list(std::string_view text) {
  std::vector<Index> numbers;
  for (std::size_t at = 0; !text.empty() && at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    Index number = 0;
    const std::string_view item = text.substr(at, end - at);
    const auto [stop, error] = std::from_chars(item.data(), item.data() + item.size(), number);
    if (error != std::errc() || stop != item.data() + item.size() || number < 0 || number > kMaxHeads) return {};
    numbers.push_back(number);
    at = end + 1;
  }
  return numbers;
}

std::vector<Index> parse_layer_heads(std::string_view text) {
  if (const auto heads = parse_list(text)) return *heads;
  throw UsageError(
      cat("--layer-heads ", text, ": expected the number of heads of each layer, 0 to ", kMaxHeads, ", as in 4,2,0"));
}

// The number of vectors of length hidden_size() that a feed-forward part stores for the backward pass, and how many of
// them are recomputed (ModelCost).
struct HiddenResults {
  double stored, recomputed, recomputed_outputs;
};
HiddenResults hidden_results(const TransformerConfig& c) {
  if (c.hidden == 0) return {0, 0, 0};
  const GeneratorGuard keep;
  const auto step = find_feed_forward(c.feed_forward).make({.width = 1, .hidden = 1})->step();
  if (!step) return {3, 0, 0};
  if (step->gate) return step->gate == step->up ? HiddenResults{3, 0, 1} : HiddenResults{4, 0, 2};
  if (c.activation == "relu") return {1, 0, 0};  // the derivative of ReLU follows from its result
  return {2, 1, 0};
}

}  // namespace

ModelCost transformer_cost(const TransformerConfig& c) {
  c.check();
  const auto real = [](Index n) { return static_cast<double>(n); };
  const double width = real(c.width), layers = real(c.layers);
  const PositionKind& position = find_position(c.position);
  const double tables = real(c.vocabulary) * (c.tied ? 1 : 2) * width +
                        (position.parameters ? position.parameters(c.context, c.width) : 0);
  ModelCost cost;
  cost.matrix_parameters = c.block_weights();
  cost.parameters = cost.matrix_parameters + tables;
  // Each layer stores the results of its norms and sums, the vectors of its feed-forward part, and q, k, v and z. The
  // rest is the embedding, the last norm, logits and their gradient, and the gradient of one hidden layer.
  const double shared = c.grouped() ? real(c.kv_heads) / real(c.heads) : 1;
  const double hidden = real(c.hidden_size());
  const HiddenResults results = hidden_results(c);
  cost.recomputed = layers * ((c.hidden == 0 ? 1 : 2) * width + results.recomputed * hidden);
  cost.recomputed_outputs = c.all_heads_width() + layers * results.recomputed_outputs * hidden;
  cost.activations = layers * (4 * width + results.stored * hidden) + (2 + 2 * shared) * c.all_heads_width() +
                     2 * width + 3 * real(c.vocabulary) + hidden;
  return cost;
}

std::vector<std::string> block_settings() {
  return {"layers", "heads",        "width",      "hidden",   "dropout", "position",
          "norm",   "feed-forward", "activation", "pre-norm", "tied",    "bias"};
}

TransformerConfig block_config(const ModelOptions& o, Index vocabulary) {
  TransformerConfig c;
  c.vocabulary = vocabulary;
  c.context = o.whole("context");
  c.layers = o.whole("layers");
  c.heads = o.whole("heads");
  c.width = o.whole("width");
  c.hidden = o.whole("hidden");
  c.dropout = o.real("dropout");
  c.position = o.text("position");
  c.norm = o.text("norm");
  c.feed_forward = o.text("feed-forward");
  c.activation = o.text("activation");
  c.pre_norm = o.yes_no("pre-norm");
  c.tied = o.yes_no("tied");
  c.bias = o.yes_no("bias");
  return c;
}

TransformerConfig transformer_config(const ModelOptions& o, Index vocabulary) {
  TransformerConfig c = block_config(o, vocabulary);
  c.attention = o.text("attention");
  c.kv_heads = o.whole("kv-heads");
  c.layer_heads = parse_layer_heads(o.text("layer-heads"));
  c.head_size = o.whole("head-size");
  return c;
}

ModelKind transformer_kind() {
  return {.name = "transformer",
          .help = "self-attention and feed-forward blocks (GPT-2, Radford et al. 2019)",
          .shared = {"layers", "heads", "width", "hidden", "layer-heads", "head-size", "dropout", "position", "norm",
                     "feed-forward", "attention", "kv-heads", "activation", "pre-norm", "tied", "bias"},
          .make = [](const ModelOptions& o, Index vocabulary) -> std::unique_ptr<LanguageModel> {
            return std::make_unique<TransformerLM>(transformer_config(o, vocabulary));
          },
          .cost = [](const ModelOptions& o,
                     Index vocabulary) { return transformer_cost(transformer_config(o, vocabulary)); },
          .heads = true};
}

}  // namespace headlight
