// One head of self-attention, step by step (Vaswani et al. 2017). Start reading about attention here;
// multi_head_attention.h does the same for many heads at once.
#pragma once

#include <cmath>
#include <vector>

#include "headlight/ops/ops.h"

namespace headlight {

struct SelfAttention {
  Tensor output;   // [T,D]
  Tensor weights;  // [T,T]: row t holds the weights of position t over all positions; they sum to 1
};

// x [T,C]: one vector per position. w_q, w_k, w_v [C,D]. If `causal`, position t attends to positions 0..t only.
inline SelfAttention self_attention(const Tensor& x, const Tensor& w_q, const Tensor& w_k, const Tensor& w_v,
                                    bool causal) {
  // 1. Compute a query, a key and a value for each position.
  const Tensor q = matmul(x, w_q);  // [T,D]
  const Tensor k = matmul(x, w_k);  // [T,D]
  const Tensor v = matmul(x, w_v);  // [T,D]

  // 2. Score every query against every key: a dot product per pair.
  Tensor scores = matmul(q, transpose(k));  // [T,T]

  // 3. The standard deviation of a sum of D independent products grows like sqrt(D). Divide by sqrt(D), so that the
  //    sharpness of the softmax below does not depend on D.
  scores = scale(scores, 1 / std::sqrt(static_cast<double>(w_k.size(1))));

  // 4. Build the causal mask: 1 if key s is at or before query t, 0 if s is later.
  const Index t_count = x.size(0);
  Tensor mask = Tensor::full({t_count, t_count}, 1, x.dtype());
  if (causal) {
    std::vector<double> past;
    for (Index t = 0; t < t_count; ++t)
      for (Index s = 0; s < t_count; ++s) past.push_back(s <= t ? 1 : 0);
    mask = Tensor::of({t_count, t_count}, past, x.dtype());
  }

  // 5. Turn the scores into weights: each row is non-negative and sums to 1; masked positions get exactly 0.
  const Tensor weights = masked_softmax(scores, mask);  // [T,T]

  // 6. The output at each position is the weighted sum of the values.
  return {matmul(weights, v), weights};  // [T,D]
}

}  // namespace headlight
