// Multi-head self-attention and cross-attention, and the padding mask.
#include "headlight/nn/multi_head_attention.h"

#include <utility>

#include "base/words.h"
#include "nn/attention_patterns.h"

namespace headlight {

namespace {

Index checked_head_size(Index width, Index heads, Index head_size) {
  if (heads >= 0 && head_size > 0) return head_size;
  if (heads <= 0) fail("attention: ", heads, " heads; use at least one");
  if (width % heads != 0) fail("attention: width ", width, " is not divisible by ", counted(heads, "head"));
  return width / heads;
}

Index checked_key_heads(Index heads, Index key_heads) {
  if (key_heads == 0) return heads;
  if (key_heads < 0 || heads % key_heads != 0)
    fail("attention: ", counted(heads, "head"), " cannot share ", counted(key_heads, "key head"),
         "; use a divisor of the heads");
  return key_heads;
}

// The query, key and value projections are separate maps, stored as one matrix. With grouped queries (G key heads),
// every G query heads count as one map, so that all maps have the same size.
LinearOptions stacked(LinearOptions options, Index heads, Index key_heads) {
  options.stacked = key_heads > 0 ? heads / key_heads + 2 : 3;
  return options;
}

Index projection_rows(Index width, Index heads, const AttentionLayerOptions& o) {
  return (heads + 2 * checked_key_heads(heads, o.key_heads)) * checked_head_size(width, heads, o.head_size);
}

void check_rank(const Tensor& x) {
  if (x.rank() != 3) fail("attention: x must be [B,T,C], got ", x.shape());
}

}  // namespace

AttentionMask AttentionMask::padding(std::span<const Index> lengths, Index keys, bool causal) {
  std::vector<double> allowed;
  for (const Index length : lengths) {
    if (length < 0 || length > keys) fail("attention: length ", length, " is outside 0 to ", keys);
    for (Index s = 0; s < keys; ++s) allowed.push_back(s < length ? 1 : 0);
  }
  return {.causal = causal, .allowed = Tensor::of({static_cast<Index>(lengths.size()), 1, 1, keys}, allowed)};
}

MultiHeadAttention::MultiHeadAttention(Index width, Index heads, const AttentionLayerOptions& o)
    : qkv{this, "qkv", width, projection_rows(width, heads, o), stacked(o.in, heads, o.key_heads)},
      out{this, "out", heads * checked_head_size(width, heads, o.head_size), width, o.out},
      heads_(heads),
      head_size_(checked_head_size(width, heads, o.head_size)),
      key_heads_(checked_key_heads(heads, o.key_heads)),
      layer_(o.layer),
      pattern_(o.pattern ? o.pattern : full_attention()),
      drop_(o.dropout) {}

Tensor MultiHeadAttention::operator()(const Tensor& x, const AttentionMask& mask, const PositionEncoding* position,
                                      const Tensor& residual) const {
  check_rank(x);
  const Index b = x.size(0), t = x.size(1), h = heads_, g = key_heads_, d = head_size_;
  if (h == 0) return finish(out, Tensor::empty({b, t, 0}, x.dtype()), drop_, residual);  // the output is the bias
  Tensor all = qkv(x);                                                                   // [B,T,(H+2G)D]
  if (position && position->is_rotary()) all = position->rotate_heads(std::move(all), h + g, d);
  const AttentionOptions how = options(mask, position ? position->bias(h, t, t, x.dtype()) : Tensor());
  // When no hook is active, attention reads q, k and v in place.
  if (!Hook::active())
    if (const Tensor z = pattern_->packed(all, h, g, how); z.defined()) return finish(out, z, drop_, residual);
  const Tensor packed = permute(reshape(all, {b, t, h + 2 * g, d}), {0, 2, 1, 3});  // [B,H+2G,T,D]
  const Tensor q = slice(packed, 1, 0, h);                                          // [B,H,T,D]
  const Tensor k = slice(packed, 1, h, h + g);                                      // [B,G,T,D]
  const Tensor v = slice(packed, 1, h + g, h + 2 * g);
  return attend(*pattern_, q, k, v, how, residual);
}

Tensor MultiHeadAttention::cross(const Tensor& x, const Tensor& context, const AttentionMask& mask) const {
  check_rank(x);
  check_rank(context);
  if (x.size(0) != context.size(0))
    fail("attention: x ", x.shape(), " and context ", context.shape(), " hold different numbers of sequences");
  const Index b = x.size(0), h = heads_, g = key_heads_, d = head_size_;
  const auto part = [&](const Tensor& from, Index first, Index heads) {
    const LayerScope scope("qkv");
    const Index begin = first * d, end = (first + heads) * d;
    const Tensor bias = qkv->bias ? slice(*qkv->bias, 0, begin, end) : Tensor();
    const Tensor rows = linear(from, slice(qkv->weight, 0, begin, end), bias);  // [B,T,HD]
    return permute(reshape(rows, {b, from.size(1), heads, d}), {0, 2, 1, 3});   // [B,H,T,D]
  };
  const Tensor q = part(x, 0, h), k = part(context, h, g), v = part(context, h + g, g);
  return attend(*full_attention(), q, k, v, options(mask, {}), {});
}

AttentionOptions MultiHeadAttention::options(const AttentionMask& mask, Tensor bias) const {
  return {.causal = mask.causal,
          .scale = 0,
          .mask = mask.allowed,
          .bias = std::move(bias),
          .dropout = drop_.active_probability()};
}

Tensor MultiHeadAttention::attend(const AttentionPattern& pattern, const Tensor& q, const Tensor& k, const Tensor& v,
                                  const AttentionOptions& options, const Tensor& residual) const {
  const bool wants_weights = Hook::active() && Hook::active()->wants_weights();
  Tensor weights;
  Tensor z = pattern(q, k, v, options, wants_weights ? &weights : nullptr);  // [B,H,T,D]
  if (wants_weights) run_hook({layer_, HookSite::Kind::kAttentionWeights}, weights);
  z = run_hook({layer_, HookSite::Kind::kHeadOutputs}, z);
  const Tensor rows = reshape(permute(z, {0, 2, 1, 3}), {q.size(0), q.size(2), heads_ * head_size_});  // [B,T,HD]
  return finish(out, rows, drop_, residual);                                                           // [B,T,C]
}

}  // namespace headlight
