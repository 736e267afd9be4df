// The built-in model families, one function for each; registry.cpp lists them.
#pragma once

#include "headlight/models/registry.h"
#include "headlight/models/transformer.h"

namespace headlight {

ModelKind transformer_kind();
ModelKind rnn_kind();
ModelKind gru_kind();
ModelKind lstm_kind();
ModelKind conv_kind();
ModelKind encoder_kind();
ModelKind encoder_decoder_kind();
// The settings that every family of transformer blocks shares, and the configuration that they describe.
std::vector<std::string> block_settings();
TransformerConfig block_config(const ModelOptions& options, Index vocabulary);
// The feed-forward part of a block; null if the configuration has none.
std::unique_ptr<FeedForward> make_feed_forward(const TransformerConfig& config, const LinearOptions& in,
                                               const LinearOptions& out);
// The configuration that the settings of the family `transformer` describe. Error: a malformed list of heads.
TransformerConfig transformer_config(const ModelOptions& options, Index vocabulary);
// Errors: those of config.check(); positions with a bias (ALiBi), which assumes that keys precede the query.
const TransformerConfig& checked_bidirectional(const TransformerConfig& config);
// Error: an invalid configuration.
ModelCost transformer_cost(const TransformerConfig& config);

}  // namespace headlight
