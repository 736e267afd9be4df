// The transformer: blocks of attention and feed-forward around a residual stream, and a model of characters made of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "headlight/nn/embedding.h"
#include "headlight/nn/feed_forward.h"
#include "headlight/nn/multi_head_attention.h"
#include "headlight/nn/norm.h"
#include "headlight/nn/position.h"

namespace headlight {

struct TransformerConfig {
  Index vocabulary = 0;  // V
  Index context = 64;    // T: the longest text seen at a time
  Index layers = 4;
  Index heads = 4;    // H
  Index width = 128;  // C
  // Of a model some of whose heads were taken away: the heads of each layer (0 is allowed), instead of `heads` in all ...
  std::vector<Index> layer_heads = {};
  Index head_size = 0;  // ... and D; 0 stands for width / heads
  // ... and, with ALiBi, which of the `heads` slopes the heads of each layer have. Empty: head h has slope h.
  std::vector<std::vector<Index>> slopes = {};
  Index hidden = -1;  // F of the feed-forward layers; -1 stands for 4 C, 0 for none: attention only
  double dropout = 0;
  PositionKind position = PositionKind::kLearned;
  NormKind norm = NormKind::kLayer;
  bool pre_norm = true;  // normalise what enters each layer; false: what comes out of the residual sum
  Activation activation = Activation::kGelu;
  bool bias = true;  // in the linear layers
  bool tied = true;  // the output uses the token embedding's rows

  Index heads_in(Index layer) const {
    return layer_heads.empty() ? heads : layer_heads[static_cast<std::size_t>(layer)];
  }
  Index most_heads() const;
  Index size_of_heads() const { return head_size > 0 ? head_size : width / heads; }
  // Error: sizes that make no model, each with the sizes that would.
  void check() const;
};

// Pre-norm: x += attn(norm(x)); x += ff(norm(x)). Post-norm: x = norm(x + attn(x)); x = norm(x + ff(x)).
class TransformerBlock : public Module {
 public:
  // Number `layer` of the model.
  explicit TransformerBlock(const TransformerConfig& config, Index layer = 0);

  // x [B,T,C] -> [B,T,C].
  Tensor operator()(const Tensor& x, const AttentionMask& mask, const PositionEncoding* position) const;

  Child<Norm> norm1;
  Child<MultiHeadAttention> attn;
  std::optional<Child<Norm>> norm2;  // both absent when hidden is 0
  std::optional<Child<FeedForward>> ff;

 private:
  bool pre_norm_;
};

// Token ids in, logits for the next token at each position out.
class CharTransformer : public Module {
 public:
  // Parameters start from generator(): normal with deviation 0.02, those that add to the residual stream smaller by
  // the root of how many there are, 2 a block (Radford et al. 2019), biases zero. Error: config.check().
  explicit CharTransformer(const TransformerConfig& config);

  // ids: B sequences of T tokens, one after another -> logits [B,T,V]; those at t depend on ids 0..t alone.
  // Errors: the count is not divisible by batch, T is beyond the context, an id outside the vocabulary.
  Tensor operator()(std::span<const std::int32_t> ids, Index batch) const;
  // The same in parts: what enters the first block, one block after another, and the logits of what leaves the last.
  Tensor embed(std::span<const std::int32_t> ids, Index batch) const;  // [B,T,C]
  Tensor run_block(Index layer, const Tensor& x) const;                // [B,T,C] -> [B,T,C]
  Tensor logits(const Tensor& x) const;                                // [B,T,C] -> [B,T,V]

  const TransformerConfig& config() const { return config_; }

  Child<Embedding> tokens;                           // [V,C]
  const std::unique_ptr<PositionEncoding> position;  // "position"; shared by all blocks
  ChildList<TransformerBlock> blocks;
  std::optional<Child<Norm>> norm;    // after the last block; pre-norm only
  std::optional<Child<Linear>> head;  // [V,C]; untied only

 private:
  // Among the members' initialisers, so that the walk meets it where it is declared.
  std::unique_ptr<PositionEncoding> adopted(std::unique_ptr<PositionEncoding> made);

  TransformerConfig config_;
  Dropout drop_;
};

}  // namespace headlight
