// The transformer's configuration checks, blocks and forward pass.
#include "headlight/models/transformer.h"

#include <algorithm>
#include <cmath>

#include "base/words.h"

namespace headlight {

namespace {

// Upper bound for every size, so that an error in a configuration does not cause a huge allocation.
constexpr Index kMaxSize = Index{1} << 20;

constexpr double kStddev = 0.02;

Index hidden_size(const TransformerConfig& c) { return c.hidden < 0 ? 4 * c.width : c.hidden; }

LinearOptions into(const TransformerConfig& c) { return {.bias = c.bias, .stddev = kStddev}; }

// For the projections that add to the residual stream, 2 per block (1 without feed-forward). Scaled by 1 / sqrt(their
// number), so that the variance of the residual stream does not grow with depth (Radford et al. 2019).
LinearOptions out_of(const TransformerConfig& c) {
  const auto sums = static_cast<double>(c.hidden == 0 ? c.layers : 2 * c.layers);
  return {.bias = c.bias, .stddev = kStddev / std::sqrt(sums)};
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
  if (hidden != -1) within("hidden size", hidden, 0);
  within("head size", head_size, 0);
  if (!layer_heads.empty() && static_cast<Index>(layer_heads.size()) != layers)
    fail("model: heads are given for ", counted(layer_heads.size(), "layer"), ", but the model has ", layers,
         "; give one number per layer");
  for (const Index in_layer : layer_heads) within("heads of a layer", in_layer, 0);
  const bool some_heads = std::any_of(layer_heads.begin(), layer_heads.end(), [](Index n) { return n > 0; });
  if (some_heads && position == PositionKind::kAlibi && slopes.empty())
    fail("model: ALiBi with fewer heads needs their slopes; give the slope indices, or use other positions");
  if (!slopes.empty()) {
    if (position != PositionKind::kAlibi)
      fail("model: slopes apply only to ALiBi positions; omit the slopes, or use ALiBi");
    if (static_cast<Index>(slopes.size()) != layers)
      fail("model: slopes are given for ", counted(slopes.size(), "layer"), ", but the model has ", layers,
           "; give one list per layer");
    for (Index layer = 0; layer < layers; ++layer) {
      const std::vector<Index>& of_layer = slopes[static_cast<std::size_t>(layer)];
      if (static_cast<Index>(of_layer.size()) != heads_in(layer))
        fail("model: layer ", layer, " has ", counted(heads_in(layer), "head"), " and ",
             counted(of_layer.size(), "slope"), "; give one slope per head");
      for (const Index slope : of_layer)
        if (slope < 0 || slope >= heads) fail("model: slope ", slope, " is outside 0 to ", heads - 1);
    }
  }
  if (head_size == 0 && width % heads != 0) {
    const Index lower = width / heads * heads;
    fail("model: width ", width, " is not divisible by ", heads, " heads; use ",
         lower > 0 ? cat(lower, " or ", lower + heads) : cat(heads), ", or other heads");
  }
  if (position == PositionKind::kRotary && size_of_heads() % 2 != 0)
    fail("model: rotary positions need an even head size, but ",
         head_size > 0 ? cat("it is ", head_size) : cat(width, " / ", heads, " is ", width / heads),
         "; use another width or number of heads");
  if (position < PositionKind::kNone || position > PositionKind::kAlibi) fail("model: unknown position encoding");
  if (norm != NormKind::kLayer && norm != NormKind::kRms) fail("model: unknown normalization");
  if (activation < Activation::kGelu || activation > Activation::kSilu) fail("model: unknown activation");
  if (!(dropout >= 0 && dropout < 1)) fail("model: dropout ", dropout, " is outside [0, 1)");
}

Index TransformerConfig::most_heads() const {
  return layer_heads.empty() ? heads : *std::max_element(layer_heads.begin(), layer_heads.end());
}

TransformerBlock::TransformerBlock(const TransformerConfig& c, Index layer)
    : norm1{this, "norm1", c.norm, c.width},
      attn{this, "attn", c.width, c.heads_in(layer),
           AttentionLayerOptions{
               .head_size = c.size_of_heads(),
               .dropout = c.dropout,
               .original_heads = c.slopes.empty() ? std::vector<Index>{} : c.slopes[static_cast<std::size_t>(layer)],
               .original_head_count = c.heads,
               .layer = layer,
               .in = into(c),
               .out = out_of(c)}},
      pre_norm_(c.pre_norm) {
  if (c.hidden == 0) return;
  norm2.emplace(this, "norm2", c.norm, c.width);
  ff.emplace(this, "ff", c.width, hidden_size(c), c.activation, c.dropout, into(c), out_of(c));
}

Tensor TransformerBlock::operator()(const Tensor& input, const AttentionMask& mask,
                                    const PositionEncoding* position) const {
  Tensor x = input;  // [B,T,C], the residual stream
  if (pre_norm_) {
    x = attn(norm1(x), mask, position, x);  // x + attn(norm1(x))
    if (ff) x = (*ff)((*norm2)(x), x);
  } else {
    x = norm1(attn(x, mask, position, x));
    if (ff) x = (*norm2)((*ff)(x, x));
  }
  return x;
}

std::unique_ptr<PositionEncoding> TransformerLM::adopted(std::unique_ptr<PositionEncoding> made) {
  adopt("position", *made);
  return made;
}

TransformerLM::TransformerLM(const TransformerConfig& config)
    : tokens{this, "tokens", checked(config).vocabulary, config.width, kStddev},
      position(adopted(make_position(config.position, config.context, config.width))),
      blocks{this, "blocks", config.layers, kWithIndex, config},
      config_(config),
      drop_(config.dropout) {
  if (config.pre_norm) norm.emplace(this, "norm", config.norm, config.width);
  if (!config.tied)
    lm_head.emplace(this, "head", config.width, config.vocabulary, LinearOptions{.bias = false, .stddev = kStddev});
}

Tensor TransformerLM::embed(std::span<const std::int32_t> ids, Index batch) const {
  const auto count = static_cast<Index>(ids.size());
  if (batch <= 0 || count % batch != 0)
    fail("model: ", counted(count, "id"), " do not divide into ", counted(batch, "sequence"),
         "; pass sequences of equal length");
  const Index length = count / batch;
  if (length > config_.context)
    fail("model: sequences of ", counted(length, "id"), " exceed the context of ", config_.context,
         "; pass shorter sequences");
  const Tensor x = tokens(ids, Shape{batch, length});  // [B,T,C]
  const LayerScope scope("position");
  return drop_(position->embed(x));
}

Tensor TransformerLM::run_block(Index layer, const Tensor& x) const {
  return blocks[layer](x, AttentionMask::causal_only(), position.get());
}

Tensor TransformerLM::logits(const Tensor& x) const {
  const Tensor last = norm ? (*norm)(x) : x;
  return lm_head ? (*lm_head)(last) : linear(last, tokens->weight);  // [B,T,V]
}

Tensor TransformerLM::operator()(std::span<const std::int32_t> ids, Index batch) const {
  Tensor x = embed(ids, batch);
  for (Index layer = 0; layer < config_.layers; ++layer) x = run_block(layer, x);
  return logits(x);
}

}  // namespace headlight
