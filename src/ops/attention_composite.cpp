// Attention composed of other operations: the reference for attention.cpp.
#include "ops/attention.h"

namespace headlight {

namespace {

// x [B,H,T,N] times y [B,G,N,M] -> [B,H,T,M]. Heads that share a matrix of y are stacked into one matrix.
Tensor grouped_product(const Tensor& x, const Tensor& y) {
  const Index b = x.size(0), h = x.size(1), t = x.size(2), g = y.size(1);
  if (h == g) return matmul(x, y);
  return reshape(matmul(reshape(x, {b, g, h / g * t, x.size(3)}), y), {b, h, t, y.size(3)});
}

}  // namespace

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& o) {
  const Index t = q.size(2), s = k.size(2);
  Tensor scores = scale(grouped_product(q, transpose(k)), attention_scale(o, q.size(3)));  // [B,H,T,S]
  if (o.softcap > 0) scores = scale(tanh(scale(scores, 1 / o.softcap)), o.softcap);
  if (o.bias.defined()) scores = add(scores, o.bias);
  Tensor seen = Tensor::full({t, s}, 1, q.dtype());
  if (o.causal) {
    std::vector<double> allowed(static_cast<std::size_t>(t * s));
    for (Index i = 0; i < t; ++i)
      for (Index j = 0; j < s; ++j) {
        const Index back = i + s - t + o.shift - j;  // from the query's own position to the key
        allowed[static_cast<std::size_t>(i * s + j)] = back >= 0 && (o.window == 0 || back < o.window) ? 1 : 0;
      }
    seen = Tensor::of({t, s}, allowed, q.dtype());
  }
  if (o.mask.defined()) seen = mul(seen, o.mask.detach());
  return masked_softmax(scores, seen);
}

Tensor attention_composite(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& o,
                           Tensor* weights) {
  check_attention(q, k, v, o);
  const Tensor a = attention_weights(q, k, o);  // [B,H,T,S]
  if (weights) *weights = a.detach();
  return grouped_product(o.dropout > 0 ? dropout(a, o.dropout) : a, v);  // [B,H,T,E]
}

}  // namespace headlight
