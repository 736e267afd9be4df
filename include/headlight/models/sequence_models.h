// Models whose objective is not the next token: EncoderLM, a bidirectional transformer that fills gaps, and
// EncoderDecoder, which maps a source sequence to a target sequence by cross-attention.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "headlight/models/transformer.h"

namespace headlight {

// A bidirectional transformer trained by masking (BERT, Devlin et al. 2019). Every token attends to all tokens of its
// sequence, and the model predicts the hidden tokens. In the input, a hidden token has id V, the mask; the model
// predicts ids 0..V-1 only.
class EncoderLM : public LanguageModel {
 public:
  // `mask_share` is the share of the tokens to predict in training. The weights are initialized as in TransformerLM.
  // Errors: those of config.check(); ALiBi positions, whose bias assumes that keys precede the query.
  explicit EncoderLM(const TransformerConfig& config, double mask_share = 0.15);

  // ids: B = `batch` sequences of T tokens in 0..V, concatenated -> logits [B,T,V] of the tokens at these positions.
  Tensor operator()(std::span<const std::int32_t> ids, Index batch) const override;
  Index vocabulary() const override { return config_.vocabulary; }
  Index context() const override { return config_.context; }
  std::string summary() const override;
  Objective objective() const override { return Objective::kMasked; }
  std::int32_t mask() const { return static_cast<std::int32_t>(config_.vocabulary); }
  // Chooses the share `mask_share` of each sequence's tokens, at least one, as the targets; all other targets become
  // kIgnoredTarget. A chosen input becomes the mask (80%), a random token (10%) or stays (10%), so that the model must
  // also predict tokens that are visible.
  void prepare(std::span<std::int32_t> inputs, std::span<std::int32_t> targets, Index batch, Rng& rng) const override;

  const TransformerConfig& config() const { return config_; }

  Child<Embedding> tokens;          // [V+1,C]; the last row is the mask
  Part<PositionEncoding> position;  // shared by all blocks
  ChildList<TransformerBlock> blocks;
  Part<Norm> norm;                       // after the last block; only with pre_norm
  std::optional<Child<Linear>> lm_head;  // [V,C]; absent if the weights are tied

 private:
  TransformerConfig config_;
  double mask_share_;
  Dropout drop_;
};

// The ids of the two tokens that structure a pair, "source TAB target LINE-BREAK".
inline constexpr std::int32_t kPairTab = 0, kPairEnd = 1;

// A transformer block with cross-attention. Pre-norm: x += self(norm1(x)); x += cross(norm2(x), memory);
// x += ff(norm3(x)). Post-norm normalizes each sum instead. `cross` computes queries from x, and keys and values from
// `memory`, the encoder's output.
class DecoderBlock : public Module {
 public:
  // `layer` is the block's index. For hooks, the block's self-attention has HookSite::layer = config.layers + `layer`,
  // and its cross-attention has 2 * config.layers + `layer`.
  DecoderBlock(const TransformerConfig& config, Index layer);

  // x [B,T,C], memory [B,S,C] -> [B,T,C]. `source` masks the memory's padding.
  Tensor operator()(const Tensor& x, const Tensor& memory, const AttentionMask& source,
                    const PositionEncoding* position) const;

  Part<Norm> norm1;
  Child<MultiHeadAttention> self;
  Part<Norm> norm2;
  Child<MultiHeadAttention> cross;
  Part<Norm> norm3;  // norm3 and ff are absent if hidden is 0
  Part<FeedForward> ff;

 private:
  bool pre_norm_;
};

// The transformer of Vaswani et al. 2017: an encoder reads the source in both directions, and a decoder generates the
// target from left to right. Each decoder block attends to the target so far and to the encoder's output.
class EncoderDecoder : public LanguageModel {
 public:
  // The encoder and the decoder have config.layers blocks each and share one table of embeddings. The weights are
  // initialized as in TransformerLM. Errors: as for config.check(); a vocabulary of fewer than 2 tokens; ALiBi.
  explicit EncoderDecoder(const TransformerConfig& config);

  // ids: B = `batch` rows of T tokens, concatenated -> logits [B,T,V]. A row of ids is a pair "source TAB target
  // LINE-BREAK", with or without another line break before it; tokens after the pair are padding. Row t of the logits
  // predicts token t of the target, given the source and the target's earlier tokens. The row after the last token
  // predicts the line break; later rows are meaningless. Errors: a row without a tab; those of LanguageModel.
  Tensor operator()(std::span<const std::int32_t> ids, Index batch) const override;
  Index vocabulary() const override { return config_.vocabulary; }
  Index context() const override { return config_.context; }
  std::string summary() const override;
  Objective objective() const override { return Objective::kPairs; }
  // Moves the targets of each row to its beginning: targets[t] becomes token t of the row's target, up to the line
  // break, because logits t predict that token. All other targets become kIgnoredTarget.
  void prepare(std::span<std::int32_t> inputs, std::span<std::int32_t> targets, Index batch, Rng& rng) const override;

  // operator() in two stages. encode(): ids [B,S] of sources, padded to S -> memory [B,S,C]. decode(): ids [B,T], each
  // row a tab and then the first T - 1 tokens of a target -> logits [B,T,V]. `source` is AttentionMask::padding() of
  // the sources' lengths, or AttentionMask::none().
  Tensor encode(std::span<const std::int32_t> ids, Index batch, const AttentionMask& source) const;
  Tensor decode(std::span<const std::int32_t> ids, const Tensor& memory, const AttentionMask& source) const;

  // The target of a source, by greedy decoding: the most probable token at each step, until a line break or until the
  // pair fills the context. Errors: a source that does not fit the context; an id outside 0..V-1.
  std::vector<std::int32_t> translate(std::span<const std::int32_t> source) const;
  // The cross-attention weights for a pair, [L,H,T+1,S+1]. Row t belongs to the prediction of target token t, and the
  // last row to the prediction of the end. The columns are the source tokens and the end of the source. Errors: as for
  // translate().
  Tensor alignment(std::span<const std::int32_t> source, std::span<const std::int32_t> target) const;

  const TransformerConfig& config() const { return config_; }

  Child<Embedding> tokens;          // [V,C]
  Part<PositionEncoding> position;  // shared by encoder and decoder
  ChildList<TransformerBlock> encoder;
  ChildList<DecoderBlock> decoder;
  Part<Norm> encoder_norm;               // after the encoder's last block; only with pre_norm
  Part<Norm> norm;                       // after the decoder's last block; only with pre_norm
  std::optional<Child<Linear>> lm_head;  // [V,C]; absent if the weights are tied

 private:
  Tensor embed(std::span<const std::int32_t> ids, Index batch) const;

  TransformerConfig config_;
  Dropout drop_;
};

}  // namespace headlight
