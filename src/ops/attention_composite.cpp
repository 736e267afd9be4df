// Attention composed of other operations: the reference for attention.cpp.
#include "ops/attention.h"

namespace headlight {

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& o) {
  const Index t = q.size(2), s = k.size(2);
  Tensor scores = scale(matmul(q, transpose(k)), attention_scale(o, q.size(3)));  // [B,H,T,S]
  if (o.bias.defined()) scores = add(scores, o.bias);
  Tensor seen = Tensor::full({t, s}, 1, q.dtype());
  if (o.causal) {
    std::vector<double> allowed(static_cast<std::size_t>(t * s));
    for (Index i = 0; i < t; ++i)
      for (Index j = 0; j < s; ++j) allowed[static_cast<std::size_t>(i * s + j)] = j <= i + s - t ? 1 : 0;
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
  return matmul(o.dropout > 0 ? dropout(a, o.dropout) : a, v);  // [B,H,T,E]
}

}  // namespace headlight
