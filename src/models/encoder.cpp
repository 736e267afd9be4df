// EncoderLM and the family `encoder`: a bidirectional transformer trained to restore hidden tokens.
#include <algorithm>
#include <cmath>

#include "base/words.h"
#include "headlight/models/sequence_models.h"
#include "headlight/ops/ops.h"
#include "models/families.h"

namespace headlight {

namespace {

constexpr double kStddev = 0.02;

}  // namespace

const TransformerConfig& checked_bidirectional(const TransformerConfig& config) {
  config.check();
  if (find_position(config.position).site == PositionSite::kBias)
    fail("model: ", config.position, " positions need a model that reads from left to right; use other positions");
  return config;
}

EncoderLM::EncoderLM(const TransformerConfig& config, double mask_share)
    : tokens{this, "tokens", checked_bidirectional(config).vocabulary + 1, config.width, kStddev},
      position{this, "position", make_position(config.position, config.context, config.width)},
      blocks{this, "blocks", config.layers, kWithIndex, config},
      norm{this, "norm", config.pre_norm ? make_norm(config.norm, config.width) : nullptr},
      config_(config),
      mask_share_(mask_share),
      drop_(config.dropout) {
  if (!config.tied)
    lm_head.emplace(this, "head", config.width, config.vocabulary,
                    LinearOptions{.bias = false, .stddev = kStddev, .role = ParamRole::kOutput});
}

Tensor EncoderLM::operator()(std::span<const std::int32_t> ids, Index batch) const {
  const Index length = sequence_length(ids, batch);
  Tensor x = tokens(ids, Shape{batch, length});  // [B,T,C]
  {
    const LayerScope scope("position");
    x = drop_(position->embed(x));
  }
  for (const Child<TransformerBlock>& block : blocks) x = block(x, AttentionMask::none(), position.get());
  if (norm) x = norm(x);
  if (lm_head) return (*lm_head)(x);
  return linear(x, slice(tokens->weight, 0, 0, config_.vocabulary));  // [B,T,V]: the mask is never predicted
}

std::string EncoderLM::summary() const {
  return cat(counted(config_.layers, "layer"), " of ", counted(config_.heads, "head"), ", width ", config_.width,
             ", context ", config_.context, ", both directions");
}

void EncoderLM::prepare(std::span<std::int32_t> inputs, std::span<std::int32_t> targets, Index batch, Rng& rng) const {
  const auto length = static_cast<std::size_t>(sequence_length(inputs, batch));
  for (std::size_t row = 0; row < inputs.size(); row += length) {
    // Token i is the target of position i - 1, and may be hidden unless that target is ignored. The first token may
    // always be hidden.
    const auto counts = [&](std::size_t i) { return i == 0 || targets[row + i - 1] != kIgnoredTarget; };
    Index left = 0;  // tokens that may still be chosen
    for (std::size_t i = 0; i < length; ++i) left += counts(i) ? 1 : 0;
    Index wanted = std::max<Index>(1, static_cast<Index>(std::lround(mask_share_ * static_cast<double>(left))));
    // Iterate backward, because counts(i) reads target i - 1, which this loop overwrites.
    for (std::size_t i = length; i-- > 0;) {
      const bool may = counts(i);
      std::int32_t &input = inputs[row + i], &target = targets[row + i];
      target = kIgnoredTarget;
      if (!may || rng.below(left--) >= wanted) continue;
      --wanted;
      target = input;
      const Index tenth = rng.below(10);
      if (tenth < 8) input = mask();
      else if (tenth == 8) input = static_cast<std::int32_t>(rng.below(config_.vocabulary));
    }
  }
}

ModelKind encoder_kind() {
  return {
      .name = "encoder",
      .help = "a transformer that reads in both directions and fills gaps (BERT, Devlin et al. 2019)",
      .shared = block_settings(),
      .settings = {real_setting("mask-share", 0.15, 0, 0.9,
                                "encoder: share of the tokens hidden in training (at least one token)")},
      .make = [](const ModelOptions& o, Index vocabulary) -> std::unique_ptr<LanguageModel> {
        return std::make_unique<EncoderLM>(block_config(o, vocabulary), o.real("mask-share"));
      },
      .cost = [](const ModelOptions& o,
                 Index vocabulary) { return transformer_cost(checked_bidirectional(block_config(o, vocabulary))); }};
}

}  // namespace headlight
