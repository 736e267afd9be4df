// The transformer's configuration checks, blocks and forward pass.
#include "headlight/models/transformer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/words.h"
#include "headlight/nn/hook.h"
#include "models/decoder.h"

namespace headlight {

namespace {

// Upper bound for every size, so that an error in a configuration does not cause a huge allocation.
constexpr Index kMaxSize = Index{1} << 20;

constexpr double kStddev = 0.02;

LinearOptions input_options(const TransformerConfig& c) { return {.bias = c.bias, .stddev = kStddev}; }

// For the projections that add to the residual stream: 2 per block, 1 without a feed-forward part. The initial weights
// are scaled by 1 / sqrt(number of these projections), so that the variance of the residual stream does not grow with
// depth (Radford et al. 2019).
LinearOptions output_options(const TransformerConfig& c) {
  const auto sums = static_cast<double>(c.hidden == 0 ? c.layers : 2 * c.layers);
  return {.bias = c.bias, .stddev = kStddev / std::sqrt(sums)};
}

// The norm of a layer that may be absent.
std::unique_ptr<Norm> norm_if(bool present, const TransformerConfig& c) {
  return present ? make_norm(c.norm, c.width) : nullptr;
}

const TransformerConfig& checked(const TransformerConfig& config) {
  config.check();
  return config;
}

}  // namespace

void TransformerConfig::check() const {
  const auto within = [](const char* name, Index value, Index low) {
    if (value < low || value > kMaxSize) fail("model: ", name, " ", value, " is outside ", low, " to ", kMaxSize);
  };
  within("vocabulary", vocabulary, 1);
  within("context", context, 1);
  within("layers", layers, 0);
  within("heads", heads, 1);
  within("width", width, 1);
  if (hidden > 8 * kMaxSize || hidden < -1) within("hidden size", hidden, 0);  // the default may be 8 C
  within("head size", head_size, 0);
  if (!layer_heads.empty() && static_cast<Index>(layer_heads.size()) != layers)
    fail("model: heads are given for ", counted(layer_heads.size(), "layer"), ", but the model has ", layers,
         "; give one number per layer");
  for (const Index in_layer : layer_heads) within("heads of a layer", in_layer, 0);
  const PositionSite site = [&] {
    const LayerScope where("model");
    find_norm(norm);
    find_activation(activation);
    find_feed_forward(feed_forward);
    return find_position(position).site;
  }();
  if (!layer_heads.empty() && site == PositionSite::kBias)
    fail("model: ", position,
         " positions need the same number of heads in every layer; omit layer_heads, or use other positions");
  if (head_size == 0 && width % heads != 0) {
    const Index lower = width / heads * heads;
    fail("model: width ", width, " is not divisible by ", heads, " heads; use ",
         lower > 0 ? cat(lower, " or ", lower + heads) : cat(heads), ", or other heads");
  }
  if (kv_heads != 0) within("key heads", kv_heads, 1);
  if (kv_heads > 0 && heads % kv_heads != 0)
    fail("model: ", heads, " heads are not divisible by ", counted(kv_heads, "key head"), "; use a divisor of ", heads,
         " for --kv-heads");
  if (grouped() && !layer_heads.empty())
    fail("model: heads per layer cannot be combined with ", counted(kv_heads, "key head"), "; omit one of the two");
  {
    const LayerScope where("model");
    const auto step = make_attention(attention)->step();
    if (step && step->linear && site == PositionSite::kBias)
      fail("linear attention has no scores to which ", position, " positions could add; use other positions");
  }
  if (site == PositionSite::kRotate && resolved_head_size() % 2 != 0)
    fail("model: ", position, " positions need an even head size, but ",
         head_size > 0 ? cat("it is ", head_size) : cat(width, " / ", heads, " is ", width / heads),
         "; use another width or number of heads");
  if (!(dropout >= 0 && dropout < 1)) fail("model: dropout ", dropout, " is outside [0, 1)");
}

Index TransformerConfig::max_heads() const {
  return layer_heads.empty() ? heads : *std::max_element(layer_heads.begin(), layer_heads.end());
}

Index TransformerConfig::hidden_size() const {
  return hidden >= 0 ? hidden : 8 * width / find_feed_forward(feed_forward).matrices;
}

double TransformerConfig::all_heads_width() const {
  double count = 0;
  for (Index layer = 0; layer < layers; ++layer) count += static_cast<double>(heads_in(layer));
  return count * static_cast<double>(resolved_head_size());
}

double TransformerConfig::block_weights() const {
  const double matrices = hidden == 0 ? 0 : static_cast<double>(find_feed_forward(feed_forward).matrices);
  const double each = static_cast<double>(layers) * matrices * static_cast<double>(hidden_size());
  // Per head: 2 matrices for queries and outputs, and 2 * shared for keys and values.
  const double shared = grouped() ? static_cast<double>(kv_heads) / static_cast<double>(heads) : 1;
  return static_cast<double>(width) * ((2 + 2 * shared) * all_heads_width() + each);
}

std::unique_ptr<FeedForward> make_feed_forward(const TransformerConfig& c, const LinearOptions& in,
                                               const LinearOptions& out) {
  if (c.hidden == 0) return nullptr;
  return find_feed_forward(c.feed_forward)
      .make({.width = c.width,
             .hidden = c.hidden_size(),
             .activation = c.activation,
             .dropout = c.dropout,
             .in = in,
             .out = out});
}

TransformerBlock::TransformerBlock(const TransformerConfig& c, Index layer)
    : norm1{this, "norm1", make_norm(c.norm, c.width)},
      attn{this, "attn", c.width, c.heads_in(layer),
           AttentionLayerOptions{.head_size = c.resolved_head_size(),
                                 .key_heads = c.kv_heads_in(layer),
                                 .dropout = c.dropout,
                                 .layer = layer,
                                 .pattern = make_attention(c.attention),
                                 .in = input_options(c),
                                 .out = output_options(c)}},
      norm2{this, "norm2", norm_if(c.hidden != 0, c)},
      ff{this, "ff", make_feed_forward(c, input_options(c), output_options(c))},
      pre_norm_(c.pre_norm) {}

Tensor TransformerBlock::operator()(const Tensor& input, const AttentionMask& mask,
                                    const PositionEncoding* position) const {
  Tensor x = input;  // [B,T,C], the residual stream
  if (pre_norm_) {
    x = attn(norm1(x), mask, position, x);  // x + attn(norm1(x))
    if (ff) x = ff(norm2(x), x);
  } else {
    x = norm1(attn(x, mask, position, x));
    if (ff) x = norm2(ff(x, x));
  }
  return x;
}

TransformerLM::TransformerLM(const TransformerConfig& config)
    : tokens{this, "tokens", checked(config).vocabulary, config.width, kStddev},
      position{this, "position", make_position(config.position, config.context, config.width)},
      blocks{this, "blocks", config.layers, kWithIndex, config},
      norm{this, "norm", norm_if(config.pre_norm, config)},
      config_(config),
      drop_(config.dropout) {
  if (!config.tied)
    lm_head.emplace(this, "head", config.width, config.vocabulary,
                    LinearOptions{.bias = false, .stddev = kStddev, .role = ParamRole::kOutput});
}

Tensor TransformerLM::embed(std::span<const std::int32_t> ids, Index batch) const {
  const Index length = sequence_length(ids, batch);
  const Tensor x = tokens(ids, Shape{batch, length});  // [B,T,C]
  const LayerScope scope("position");
  return drop_(position->embed(x));
}

Tensor TransformerLM::run_block(Index layer, const Tensor& x) const {
  return blocks[layer](x, AttentionMask::causal_only(), position.get());
}

Tensor TransformerLM::logits(const Tensor& x) const {
  const Tensor last = norm ? norm(x) : x;
  return lm_head ? (*lm_head)(last) : linear(last, tokens->weight);  // [B,T,V]
}

Index TransformerLM::attention_window() const {
  const auto step = make_attention(config_.attention)->step();
  return step ? step->window : 0;
}

std::unique_ptr<HeadedModel> TransformerLM::untrained() const {
  TransformerConfig config = config_;
  config.dropout = 0;
  return std::make_unique<TransformerLM>(config);
}

const TransformerLM& as_transformer(const LanguageModel& model, const std::string& what) {
  const auto* transformer = dynamic_cast<const TransformerLM*>(&model);
  if (!transformer)
    fail(what, ": needs a transformer, but this model is not one (", model.summary(),
         "); train one with --model transformer");
  return *transformer;
}
TransformerLM& as_transformer(LanguageModel& model, const std::string& what) {
  return const_cast<TransformerLM&>(as_transformer(std::as_const(model), what));
}

std::string TransformerLM::summary() const {
  return cat(counted(config_.layers, "layer"), " of ", counted(config_.heads, "head"), ", width ", config_.width,
             ", context ", config_.context);
}

std::unique_ptr<TokenReader> TransformerLM::reader(WeightFormat format) const {
  if (Hook::active() && format == WeightFormat::kFloat32) return nullptr;
  try {
    return std::make_unique<Decoder>(*this, format);
  } catch (const Decoder::Mismatch&) {  // the model has a layer that the decoder does not support
    if (format != WeightFormat::kFloat32) throw;
    return nullptr;
  }
}

}  // namespace headlight
