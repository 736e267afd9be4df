// The tasks and models of lesson 8.
#include "lessons/08_simpler_models/tasks.h"

#include <algorithm>
#include <cmath>

namespace headlight::lessons {

const std::vector<ComparedModel> kContestants = {{"attention", "full"},
                                                 {"window of 16", "window"},
                                                 {"linear attention", "linear"},
                                                 {"GRU", "gru"},
                                                 {"convolution", "conv"}};

Batch fixed_offset(Index rows, Rng& rng) {
  Batch batch{.rows = rows, .inputs = {}, .targets = {}};
  for (Index i = 0; i < rows * kTokens; ++i) {
    batch.inputs.push_back(static_cast<std::int32_t>(rng.below(kKeys * kValues)));
    const bool known = i % kTokens >= kOffset;
    batch.targets.push_back(known ? batch.inputs[static_cast<std::size_t>(i - kOffset)] : kIgnoredTarget);
  }
  return batch;
}

Batch recall(Index rows, Rng& rng) {
  Batch batch{.rows = rows, .inputs = {}, .targets = {}};
  for (Index row = 0; row < rows; ++row) {
    std::int32_t value_of[kKeys];
    bool stated[kKeys] = {};
    for (std::int32_t& value : value_of) value = static_cast<std::int32_t>(rng.below(kValues));
    for (Index t = 0; t < kTokens; ++t) {
      const auto key = static_cast<std::int32_t>(rng.below(kKeys));
      const bool query = rng.below(2) == 0;
      batch.inputs.push_back(query ? static_cast<std::int32_t>(kKeys * kValues) + key
                                   : static_cast<std::int32_t>(kValues) * key + value_of[key]);
      batch.targets.push_back(query && stated[key] ? value_of[key] : kIgnoredTarget);
      if (!query) stated[key] = true;
    }
  }
  return batch;
}

std::vector<Index> distances(const Batch& batch) {
  std::vector<Index> result(batch.inputs.size(), 0);
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (batch.targets[i] == kIgnoredTarget) continue;
    const Index key = batch.inputs[i] - kKeys * kValues;
    std::size_t fact = i - 1;
    while (batch.inputs[fact] / kValues != key) --fact;
    result[i] = static_cast<Index>(i - fact);
  }
  return result;
}

namespace {

constexpr Index kLayers = 2, kHeads = 2, kWindow = 16, kAttentionWidth = 32, kKernel = 3;
// Four layers of kernel 3, with dilations 1, 2, 4 and 8: the last output depends on 31 symbols.
constexpr Index kConvLayers = 4;

bool is_attention(const ComparedModel& c) { return c.short_name != "gru" && c.short_name != "conv"; }

TransformerConfig attention_config(const ComparedModel& c) {
  TransformerConfig config{
      .vocabulary = kKinds, .context = kTokens, .layers = kLayers, .heads = kHeads, .width = kAttentionWidth};
  config.attention = c.short_name == "window" ? cat("window:", kWindow) : c.short_name;
  config.tied = false;
  return config;
}

// Of the GRU and the convolution.
ModelOptions options_of_width(const ComparedModel& c, Index width) {
  const bool conv = c.short_name == "conv";
  return ModelOptions({{"layers", cat(conv ? kConvLayers : kLayers)},
                       {"width", cat(width)},
                       {"dropout", "0"},
                       {"stateful", "no"},
                       {"kernel", cat(kKernel)},
                       {"context", cat(kTokens)}});
}

std::unique_ptr<LanguageModel> model_of_width(const ComparedModel& c, Index width) {
  if (is_attention(c)) return std::make_unique<TransformerLM>(attention_config(c));
  return find_model(c.short_name)->make(options_of_width(c, width), kKinds);
}

double flops_of_width(const ComparedModel& c, Index width) {
  // The elements that multiply: those of the matrices between embedding and output, and the output's.
  const double matrices =
      (is_attention(c) ? attention_config(c).block_weights()
                       : find_model(c.short_name)->cost(options_of_width(c, width), kKinds).matrix_parameters) +
      static_cast<double>(kKinds * width);
  double attention = 0;
  const auto channels = static_cast<double>(kAttentionWidth);
  if (c.short_name == "full") attention = kLayers * 2 * channels * kTokens;
  if (c.short_name == "window") attention = kLayers * 4 * channels * std::min<double>(kWindow, kTokens / 2.0);
  if (c.short_name == "linear") attention = kLayers * 4 * channels * (channels / kHeads);
  return 3 * (2 * matrices + attention);
}

}  // namespace

Index width_of(const ComparedModel& c) {
  if (is_attention(c)) return kAttentionWidth;
  const double budget = flops_of_width(kContestants[0], kAttentionWidth);
  Index width = 4;
  while (std::abs(flops_of_width(c, width + 1) - budget) < std::abs(flops_of_width(c, width) - budget)) ++width;
  return width;
}

std::unique_ptr<LanguageModel> make_contestant(const ComparedModel& contestant, std::uint64_t seed) {
  const Index width = width_of(contestant);
  seed_generator(seed);
  return model_of_width(contestant, width);
}

double flops_a_token(const ComparedModel& contestant) { return flops_of_width(contestant, width_of(contestant)); }

}  // namespace headlight::lessons
