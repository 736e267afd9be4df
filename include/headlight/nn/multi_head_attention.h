// Multi-head attention (Vaswani et al. 2017): H heads of size D look at the same text, each in its own way, and an output
// projection mixes what they bring back. For one head step by step see self_attention.h.
//
//   q, k, v = x W_qkv^T + b          [B,T,3HD] -> three of [B,H,T,D]
//   z = softmax(q k^T / sqrt(D)) v   [B,H,T,D]
//   y = z W_out^T + b                [B,T,HD] -> [B,T,C]
#pragma once

#include <span>
#include <vector>

#include "headlight/nn/position.h"
#include "headlight/nn/probe.h"
#include "headlight/nn/residual.h"

namespace headlight {

// Which keys each query may see.
struct AttentionMask {
  bool causal = false;  // those at or before its own position
  Tensor allowed;       // 1 or 0, broadcasting to [B,H,T,S]; not defined: all

  static AttentionMask none() { return {}; }
  static AttentionMask causal_only() { return {.causal = true, .allowed = {}}; }
  // Sequence b has lengths[b] keys, the rest of its S is padding. Error: a length outside 0..S.
  static AttentionMask padding(std::span<const Index> lengths, Index keys, bool causal = false);
};

struct AttentionLayerOptions {
  Index head_size = 0;  // D; 0 stands for width / heads
  double dropout = 0;   // of the weights and of the result
  // Of heads that are left of more: their numbers among `numbered_of`, by which positions tell them apart (ALiBi). Empty:
  // 0, 1, ...
  std::vector<Index> numbers = {};
  Index numbered_of = 0;
  LinearOptions in;   // of the projections to q, k, v ...
  LinearOptions out;  // ... and from the heads
};

class MultiHeadAttention : public Module {
 public:
  // With a head size given there may be no heads at all: the output is then the bias. Error: without one, width is not
  // divisible by heads.
  MultiHeadAttention(Index width, Index heads, const AttentionLayerOptions& options = {});

  // Self-attention: x [B,T,C] -> [B,T,C]. `position` turns queries and keys and biases scores; null for none of it. A
  // residual [B,T,C], where it is given, is added to what comes out.
  Tensor operator()(const Tensor& x, const AttentionMask& mask = {}, const PositionEncoding* position = nullptr,
                    const Tensor& residual = {}) const;
  // Cross-attention: queries from x [B,T,C], keys and values from context [B,S,C].
  Tensor cross(const Tensor& x, const Tensor& context, const AttentionMask& mask = {}) const;

  Index heads() const { return heads_; }
  Index head_size() const { return head_size_; }

  // Rows of qkv.weight: all heads' queries, then all keys, then all values; within each, head after head.
  Child<Linear> qkv;  // weight [3HD, C]
  Child<Linear> out;  // weight [C, HD]

 private:
  AttentionOptions options(const AttentionMask& mask, Tensor bias) const;
  Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                const Tensor& residual) const;

  Index heads_, head_size_;
  std::vector<Index> numbers_;
  Index numbered_of_;
  Dropout drop_;
};

}  // namespace headlight
