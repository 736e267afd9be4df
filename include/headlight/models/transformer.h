// The transformer block and TransformerLM, a decoder-only language model (GPT-2, Radford et al. 2019) on characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "headlight/models/language_model.h"
#include "headlight/nn/embedding.h"
#include "headlight/nn/feed_forward.h"
#include "headlight/nn/multi_head_attention.h"
#include "headlight/nn/norm.h"
#include "headlight/nn/position.h"

namespace headlight {

// Sizes and variants of a model.
struct TransformerConfig {
  Index vocabulary = 0;  // V
  Index context = 64;    // maximum number of tokens in a sequence
  Index layers = 4;
  Index heads = 4;     // H
  Index kv_heads = 0;  // G, the number of heads of keys and values; 0 means H
  Index width = 128;   // C
  // After pruning: the number of heads of each layer (may be 0). Empty: every layer has `heads` heads.
  std::vector<Index> layer_heads = {};
  Index head_size = 0;  // D; 0 means width / heads
  Index hidden = -1;    // F of the feed-forward parts; -1 means 8 C / matrices (4 C for `mlp`); 0: attention only
  double dropout = 0;   // probability, in [0, 1)
  std::string position = "learned";  // a name in position_kinds()
  std::string norm = "layer";        // a name in norm_kinds()
  bool pre_norm = true;              // true: normalize the input of each sublayer; false: normalize each residual sum
  std::string activation = "gelu";   // of the feed-forward part `mlp`: a name in activation_kinds()
  std::string feed_forward = "mlp";  // a name in feed_forward_kinds()
  std::string attention = "full";    // a pattern in attention_kinds(), such as "window:32"
  bool bias = true;                  // whether the linear layers of the blocks have biases
  bool tied = true;                  // tie the weights of the output projection to the token embedding

  Index heads_in(Index layer) const {
    return layer_heads.empty() ? heads : layer_heads[static_cast<std::size_t>(layer)];
  }
  // Whether several heads share their keys and values.
  bool grouped() const { return kv_heads > 0 && kv_heads != heads; }
  Index kv_heads_in(Index layer) const { return grouped() ? kv_heads : heads_in(layer); }
  // The largest number of heads in any layer.
  Index max_heads() const;
  // D.
  Index resolved_head_size() const { return head_size > 0 ? head_size : width / heads; }
  // F. Error: no such feed-forward part.
  Index hidden_size() const;
  // Total width of all heads of all layers, and the number of elements of the blocks' weight matrices. Their type is
  // double, because before check() a product of sizes may exceed the range of Index.
  double all_heads_width() const;
  double block_weights() const;
  // Error: an invalid size or combination; the message gives valid values.
  void check() const;
};

// Pre-norm: x += attn(norm(x)); x += ff(norm(x)). Post-norm: x = norm(x + attn(x)); x = norm(x + ff(x)).
class TransformerBlock : public Module {
 public:
  // `layer` is the block's index, which selects the entry of layer_heads.
  explicit TransformerBlock(const TransformerConfig& config, Index layer = 0);

  // x [B,T,C] -> [B,T,C].
  Tensor operator()(const Tensor& x, const AttentionMask& mask, const PositionEncoding* position) const;

  Part<Norm> norm1;
  Child<MultiHeadAttention> attn;
  Part<Norm> norm2;  // norm2 and ff are absent if hidden is 0
  Part<FeedForward> ff;

 private:
  bool pre_norm_;
};

// Maps token ids to the logits of the next token at each position.
class TransformerLM : public HeadedModel {
 public:
  // Initializes the model with random numbers from generator(), as in Radford et al. 2019. Weights are normal with mean
  // 0 and stddev 0.02. The N projections that add to the residual stream have stddev 0.02 / sqrt(N); N is 2 per block
  // (1 if hidden is 0). Biases are 0. Error: as for config.check().
  explicit TransformerLM(const TransformerConfig& config);

  Index vocabulary() const override { return config_.vocabulary; }
  Index context() const override { return config_.context; }
  std::string summary() const override;
  // A Decoder (src/models/decoder.h). Null if a hook is active, because a reader runs no hooks, or if the decoder does
  // not support the model.
  std::unique_ptr<TokenReader> reader(WeightFormat format) const override;
  Tensor embed(std::span<const std::int32_t> ids, Index batch) const override;
  Tensor run_block(Index layer, const Tensor& x) const override;
  Tensor logits(const Tensor& x) const override;
  Index layers() const override { return config_.layers; }
  Index heads_in(Index layer) const override { return config_.heads_in(layer); }
  Index width() const override { return config_.width; }
  Index attention_window() const override;
  std::unique_ptr<HeadedModel> untrained() const override;

  const TransformerConfig& config() const { return config_; }

  Child<Embedding> tokens;          // [V,C]
  Part<PositionEncoding> position;  // shared by all blocks
  ChildList<TransformerBlock> blocks;
  Part<Norm> norm;                       // after the last block; only with pre_norm
  std::optional<Child<Linear>> lm_head;  // [V,C]; absent if the weights are tied

 private:
  TransformerConfig config_;
  Dropout drop_;
};

// The model as a TransformerLM. Error: another family; the message says that `what` needs a transformer.
const TransformerLM& as_transformer(const LanguageModel& model, const std::string& what);
TransformerLM& as_transformer(LanguageModel& model, const std::string& what);

}  // namespace headlight
