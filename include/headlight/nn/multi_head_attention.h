// Multi-head attention (Vaswani et al. 2017): H heads of size D attend to the same sequence in parallel; an output
// projection mixes their results. For one head step by step see self_attention.h.
//
//   q, k, v = x W_qkv^T + b          [B,T,3HD] -> three of [B,H,T,D]
//   z = softmax(q k^T / sqrt(D)) v   [B,H,T,D]
//   y = z W_out^T + b                [B,T,HD] -> [B,T,C]
#pragma once

#include <span>
#include <vector>

#include "headlight/nn/hook.h"
#include "headlight/nn/position.h"
#include "headlight/nn/residual.h"

namespace headlight {

// The keys that each query may attend to: those that both members allow.
struct AttentionMask {
  bool causal = false;  // only keys at or before the query's position
  Tensor allowed;       // 1: visible, 0: masked; broadcasts to [B,H,T,S]; undefined: all visible

  static AttentionMask none() { return {}; }
  static AttentionMask causal_only() { return {.causal = true, .allowed = {}}; }
  // For sequence b only the first lengths[b] of S = `keys` keys are visible; the rest is padding. Result: `allowed`
  // [B,1,1,S]. Error: a length outside 0..S.
  static AttentionMask padding(std::span<const Index> lengths, Index keys, bool causal = false);
};

struct AttentionLayerOptions {
  Index head_size = 0;  // D; 0 means width / heads
  double dropout = 0;   // dropout probability of the attention weights and of the result
  // After pruning: original indices of the heads that survived, out of `original_head_count` heads. ALiBi uses the
  // original index to select a head's slope. Empty: the heads are 0, 1, ... H-1 of H.
  std::vector<Index> original_heads = {};
  Index original_head_count = 0;
  Index layer = 0;    // identifies this layer to hooks (HookSite::layer)
  LinearOptions in;   // options of the projection to q, k, v
  LinearOptions out;  // options of the output projection
};

class MultiHeadAttention : public Module {
 public:
  // `width` is C, `heads` is H. If head_size is given, H may be 0; the output is then the bias of `out`. Errors, if
  // head_size is 0: H below 1, C not divisible by H.
  MultiHeadAttention(Index width, Index heads, const AttentionLayerOptions& options = {});

  // Self-attention: x [B,T,C] -> [B,T,C]. `position` rotates queries and keys and biases the scores; null: no position
  // encoding. `residual` [B,T,C] is added to the result; undefined: nothing is added. Error: x is not of rank 3.
  Tensor operator()(const Tensor& x, const AttentionMask& mask = {}, const PositionEncoding* position = nullptr,
                    const Tensor& residual = {}) const;
  // Cross-attention: queries from x [B,T,C], keys and values from context [B,S,C] -> [B,T,C]. Errors: a rank other than
  // 3, different B.
  Tensor cross(const Tensor& x, const Tensor& context, const AttentionMask& mask = {}) const;

  Index heads() const { return heads_; }
  Index head_size() const { return head_size_; }

  // The rows of qkv.weight are the queries of heads 0 .. H-1, then the keys, then the values.
  Child<Linear> qkv;  // weight [3HD, C]
  Child<Linear> out;  // weight [C, HD]

 private:
  AttentionOptions options(const AttentionMask& mask, Tensor bias) const;
  Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                const Tensor& residual) const;

  Index heads_, head_size_, layer_;
  std::vector<Index> original_heads_;
  Index original_head_count_;
  Dropout drop_;
};

}  // namespace headlight
