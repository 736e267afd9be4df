// One head of self-attention, step by step: where to start reading about attention. multi_head_attention.h does the same for many heads at
// a time.
#pragma once

#include <cmath>
#include <vector>

#include "headlight/ops/ops.h"

namespace headlight {

struct SelfAttention {
  Tensor output;   // [T,D]
  Tensor weights;  // [T,T]: row t is how much position t takes from each position
};

// x [T,C]: one vector for each position. w_q, w_k, w_v [C,D]. With causal, position t sees positions 0..t only.
inline SelfAttention self_attention(const Tensor& x, const Tensor& w_q, const Tensor& w_k, const Tensor& w_v,
                                    bool causal) {
  // 1. Each position asks a question, offers a key by which it can be found, and holds a value to be taken.
  const Tensor q = matmul(x, w_q);  // [T,D]
  const Tensor k = matmul(x, w_k);  // [T,D]
  const Tensor v = matmul(x, w_v);  // [T,D]

  // 2. How well does each question match each key? A dot product for every pair.
  Tensor scores = matmul(q, transpose(k));  // [T,T]

  // 3. A sum of D products of independent numbers grows like sqrt(D). Divide by it, so that the softmax below neither
  //    saturates nor flattens as D changes.
  scores = scale(scores, 1 / std::sqrt(static_cast<double>(w_k.size(1))));

  // 4. Nobody may look into the future: the mask is 1 where key s stands at or before query t.
  const Index t_count = x.size(0);
  Tensor mask = Tensor::full({t_count, t_count}, 1, x.dtype());
  if (causal) {
    std::vector<double> past;
    for (Index t = 0; t < t_count; ++t)
      for (Index s = 0; s < t_count; ++s) past.push_back(s <= t ? 1 : 0);
    mask = Tensor::of({t_count, t_count}, past, x.dtype());
  }

  // 5. Scores become shares: each row is positive and sums to 1, masked places get exactly 0.
  const Tensor weights = masked_softmax(scores, mask);  // [T,T]

  // 6. Each position takes a mixture of the values, by its shares.
  return {matmul(weights, v), weights};  // [T,D]
}

}  // namespace headlight
