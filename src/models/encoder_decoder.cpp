// EncoderDecoder and the family `encoder-decoder`: a transformer that maps a source sequence to a target sequence.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/words.h"
#include "headlight/autograd/tape.h"
#include "headlight/models/sequence_models.h"
#include "headlight/nn/hook.h"
#include "headlight/ops/ops.h"
#include "models/families.h"

namespace headlight {

namespace {

constexpr double kStddev = 0.02;

const TransformerConfig& checked(const TransformerConfig& config) {
  checked_bidirectional(config);
  if (config.vocabulary == 1)
    fail("model: a vocabulary of 1 cannot hold a tab and a line break; use pairs as the text");
  return config;
}

// Divides the initial weights of the projections that add to the decoder's residual stream, 3 per block, by the square
// root of their number.
AttentionLayerOptions attention_options(const TransformerConfig& c, Index layer) {
  const auto sums = static_cast<double>(std::max<Index>(1, 3 * c.layers));
  return {.dropout = c.dropout,
          .layer = layer,
          .in = {.bias = c.bias, .stddev = kStddev},
          .out = {.bias = c.bias, .stddev = kStddev / std::sqrt(sums)}};
}

// The positions of a row's parts: the source is begin..tab-1, and the target begins at tab+1.
struct Pair {
  std::size_t begin, tab;
};

Pair find_pair(std::span<const std::int32_t> row, std::size_t number) {
  const std::size_t begin = !row.empty() && row[0] == kPairEnd ? 1 : 0;
  const auto found = std::find(row.begin() + static_cast<std::ptrdiff_t>(begin), row.end(), kPairTab);
  if (found == row.end())
    fail("encoder-decoder: sequence ", number, " of the batch has no tab; separate source and target by id ", kPairTab);
  return {begin, static_cast<std::size_t>(found - row.begin())};
}

// The same mask as AttentionMask::padding(), with storage from the pool.
AttentionMask mask_of(std::span<const Index> lengths, Index keys, DType dtype) {
  Tensor allowed = Tensor::zeros({static_cast<Index>(lengths.size()), 1, 1, keys}, dtype);
  const auto fill = [&](auto* to) {
    for (const Index length : lengths) {
      std::fill_n(to, length, 1);
      to += keys;
    }
  };
  if (dtype == DType::kFloat32) fill(allowed.data<float>());
  else fill(allowed.data<double>());
  return {.causal = false, .allowed = allowed};
}

// Keeps the cross-attention weights [1,H,T,S] of each layer.
struct CrossWeights : Hook {
  explicit CrossWeights(Index first) : first_layer(first) {}
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind == HookSite::Kind::kAttentionWeights && site.layer >= first_layer) layers.push_back(x.detach());
    return x;
  }
  Index first_layer;
  std::vector<Tensor> layers;
};

}  // namespace

DecoderBlock::DecoderBlock(const TransformerConfig& c, Index layer)
    : norm1{this, "norm1", make_norm(c.norm, c.width)},
      self{this, "self", c.width, c.heads, attention_options(c, c.layers + layer)},
      norm2{this, "norm2", make_norm(c.norm, c.width)},
      cross{this, "cross", c.width, c.heads, attention_options(c, 2 * c.layers + layer)},
      norm3{this, "norm3", c.hidden != 0 ? make_norm(c.norm, c.width) : nullptr},
      ff{this, "ff", make_feed_forward(c, attention_options(c, layer).in, attention_options(c, layer).out)},
      pre_norm_(c.pre_norm) {}

Tensor DecoderBlock::operator()(const Tensor& input, const Tensor& memory, const AttentionMask& source,
                                const PositionEncoding* position) const {
  const AttentionMask causal = AttentionMask::causal_only();
  const auto attend_to_source = [&](const Tensor& in) {
    const LayerScope scope("cross");
    return cross->cross(in, memory, source);
  };
  Tensor x = input;  // [B,T,C], the residual stream
  if (pre_norm_) {
    x = self(norm1(x), causal, position, x);  // x + self(norm1(x))
    x = add(x, attend_to_source(norm2(x)));
    if (ff) x = ff(norm3(x), x);
  } else {
    x = norm1(self(x, causal, position, x));
    x = norm2(add(x, attend_to_source(x)));
    if (ff) x = norm3(ff(x, x));
  }
  return x;
}

EncoderDecoder::EncoderDecoder(const TransformerConfig& config)
    : tokens{this, "tokens", checked(config).vocabulary, config.width, kStddev},
      position{this, "position", make_position(config.position, config.context, config.width)},
      encoder{this, "encoder", config.layers, kWithIndex, config},
      decoder{this, "decoder", config.layers, kWithIndex, config},
      encoder_norm{this, "encoder_norm", config.pre_norm ? make_norm(config.norm, config.width) : nullptr},
      norm{this, "norm", config.pre_norm ? make_norm(config.norm, config.width) : nullptr},
      config_(config),
      drop_(config.dropout) {
  if (!config.tied)
    lm_head.emplace(this, "head", config.width, config.vocabulary,
                    LinearOptions{.bias = false, .stddev = kStddev, .role = ParamRole::kOutput});
}

Tensor EncoderDecoder::embed(std::span<const std::int32_t> ids, Index batch) const {
  const Index length = sequence_length(ids, batch);
  const Tensor x = tokens(ids, Shape{batch, length});  // [B,T,C]
  const LayerScope scope("position");
  return drop_(position->embed(x));
}

Tensor EncoderDecoder::encode(std::span<const std::int32_t> ids, Index batch, const AttentionMask& source) const {
  Tensor x = embed(ids, batch);  // [B,S,C]
  for (const Child<TransformerBlock>& block : encoder) x = block(x, source, position.get());
  return encoder_norm ? encoder_norm(x) : x;
}

Tensor EncoderDecoder::decode(std::span<const std::int32_t> ids, const Tensor& memory,
                              const AttentionMask& source) const {
  Tensor x = embed(ids, memory.size(0));  // [B,T,C]
  for (const Child<DecoderBlock>& block : decoder) x = block(x, memory, source, position.get());
  if (norm) x = norm(x);
  return lm_head ? (*lm_head)(x) : linear(x, tokens->weight);  // [B,T,V]
}

Tensor EncoderDecoder::operator()(std::span<const std::int32_t> ids, Index batch) const {
  const auto length = static_cast<std::size_t>(sequence_length(ids, batch));
  // A source ends with the tab, so that no source is empty, and a target begins with the tab. Both are padded to T.
  PoolVector<std::int32_t> sources(ids.size(), kPairEnd), targets(ids.size(), kPairEnd);
  PoolVector<Index> lengths;
  lengths.reserve(static_cast<std::size_t>(batch));
  for (std::size_t at = 0; at < ids.size(); at += length) {
    const auto row = ids.subspan(at, length);
    const Pair pair = find_pair(row, at / length);
    const auto tab = row.begin() + static_cast<std::ptrdiff_t>(pair.tab);
    std::copy(row.begin() + static_cast<std::ptrdiff_t>(pair.begin), tab + 1,
              sources.begin() + static_cast<std::ptrdiff_t>(at));
    lengths.push_back(static_cast<Index>(pair.tab + 1 - pair.begin));
    std::copy(tab, std::find(tab, row.end(), kPairEnd), targets.begin() + static_cast<std::ptrdiff_t>(at));
  }
  const AttentionMask source = mask_of(lengths, static_cast<Index>(length), tokens->weight.value().dtype());
  return decode(targets, encode(sources, batch, source), source);
}

void EncoderDecoder::prepare(std::span<std::int32_t> inputs, std::span<std::int32_t> targets, Index batch,
                             Rng& /*rng*/) const {
  const auto length = static_cast<std::size_t>(sequence_length(inputs, batch));
  for (std::size_t at = 0; at < inputs.size(); at += length) {
    const auto row = targets.subspan(at, length);
    const std::size_t tab = find_pair(inputs.subspan(at, length), at / length).tab;
    bool inside = true;
    for (std::size_t t = 0; t < length; ++t) {
      const std::int32_t token = inside && tab + t < length ? row[tab + t] : kIgnoredTarget;
      inside = inside && token != kPairEnd && token != kIgnoredTarget;
      row[t] = token;
    }
  }
}

std::string EncoderDecoder::summary() const {
  return cat("encoder and decoder of ", counted(config_.layers, "layer"), " of ", counted(config_.heads, "head"),
             ", width ", config_.width, ", context ", config_.context);
}

std::vector<std::int32_t> EncoderDecoder::translate(std::span<const std::int32_t> source) const {
  if (const auto count = static_cast<Index>(source.size()); count + 2 > config_.context)
    fail("encoder-decoder: a source of ", counted(count, "token"), " leaves no room for a target in the context of ",
         config_.context, "; use a shorter one");
  const NoGrad no_recording;
  std::vector<std::int32_t> ids(source.begin(), source.end()), target = {kPairTab};
  ids.push_back(kPairTab);
  const Tensor memory = encode(ids, 1, AttentionMask::none());  // [1,S,C]
  // A row of the context also holds the line break before the pair.
  while (static_cast<Index>(ids.size() + target.size()) < config_.context) {
    const Tensor logits = decode(target, memory, AttentionMask::none());  // [1,T,V]
    const float* const last = logits.data<float>() + static_cast<Index>(target.size() - 1) * config_.vocabulary;
    const auto best = static_cast<std::int32_t>(std::max_element(last, last + config_.vocabulary) - last);
    if (best == kPairEnd) break;
    target.push_back(best);
  }
  target.erase(target.begin());
  return target;
}

Tensor EncoderDecoder::alignment(std::span<const std::int32_t> source, std::span<const std::int32_t> target) const {
  const NoGrad no_recording;
  std::vector<std::int32_t> ids(source.begin(), source.end()), before = {kPairTab};
  ids.push_back(kPairTab);
  before.insert(before.end(), target.begin(), target.end());
  CrossWeights hook(2 * config_.layers);
  decode(before, encode(ids, 1, AttentionMask::none()), AttentionMask::none());
  if (hook.layers.empty()) fail("encoder-decoder: a model without layers has no cross-attention; use one with layers");
  return concat(hook.layers, 0);  // [L,H,T+1,S+1]
}

ModelKind encoder_decoder_kind() {
  return {
      .name = "encoder-decoder",
      .help = "maps a source to a target by cross-attention (Vaswani et al. 2017); needs --pairs or --corpus numbers",
      .shared = block_settings(),
      .make = [](const ModelOptions& o, Index vocabulary) -> std::unique_ptr<LanguageModel> {
        return std::make_unique<EncoderDecoder>(block_config(o, vocabulary));
      },
      .cost =
          [](const ModelOptions& o, Index vocabulary) {
            const TransformerConfig c = block_config(o, vocabulary);
            checked_bidirectional(c);
            ModelCost cost = transformer_cost(c);
            const double crosses = 4 * c.all_heads_width() * static_cast<double>(c.width);
            cost.parameters += cost.matrix_parameters + crosses;
            cost.matrix_parameters = 2 * cost.matrix_parameters + crosses;
            // Two stacks, and cross-attention.
            for (double* part : {&cost.activations, &cost.recomputed, &cost.recomputed_outputs}) *part *= 2.4;
            return cost;
          }};
}

}  // namespace headlight
