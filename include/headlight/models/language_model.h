// LanguageModel: the interface through which every command trains, evaluates, samples and stores a model; TokenReader,
// which reads a text token by token; and HeadedModel, whose attention heads can be measured. To make a model selectable
// by name, see models/registry.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "headlight/base/random.h"
#include "headlight/nn/module.h"

namespace headlight {

// The weights with which a TokenReader reads single tokens.
enum class WeightFormat {
  kFloat32,  // the model's own
  kBf16,     // copies rounded to bfloat16, half the bytes
  kInt8,     // quantized copies, a quarter of the bytes
};

// Reads a text token by token and predicts the next token. A reader shares the model's weights: it must not outlive the
// model, and must start() again after the weights have changed.
class TokenReader {
 public:
  TokenReader() = default;
  virtual ~TokenReader() = default;
  TokenReader(const TokenReader&) = delete;
  TokenReader& operator=(const TokenReader&) = delete;

  // Forgets all tokens and reads `ids`. Returns the logits [V] of the next token, valid until the next call.
  // Errors: no tokens, more tokens than the context, an id outside the vocabulary.
  virtual std::span<const float> start(std::span<const std::int32_t> ids) = 0;
  // Reads one more token; start() need not come first. Returns logits as start() does.
  // Error: an id outside the vocabulary.
  virtual std::span<const float> next(std::int32_t id) = 0;
  // The number of tokens that the next logits depend on.
  virtual Index length() const = 0;
};

// The task that a model learns. The task determines what the logits predict, and which commands accept the model.
enum class Objective {
  kNextToken,  // the logits at t depend on ids 0..t only and predict id t+1
  kMasked,     // the logits at t depend on all ids and predict the token at t; id V hides a token from the model
  kPairs,      // each sequence holds a source and a target; the logits at t predict token t of the target
};

class LanguageModel : public Module {
 public:
  // ids: B = `batch` sequences of T tokens, concatenated -> logits [B,T,V]; see Objective for what they depend on.
  // Errors: the number of ids is not divisible by B, T above the context, an id outside 0..V-1.
  virtual Tensor operator()(std::span<const std::int32_t> ids, Index batch) const = 0;
  // The state that the model carries from one training batch to the next: tensors [B,...], initially zeros. With a
  // state, training divides the text into B = `batch` lanes and reads each lane in order. By default there is no state,
  // and training draws windows at random or in epochs (data/windows.h).
  virtual std::vector<Tensor> initial_state(Index /*batch*/) const { return {}; }
  // As operator(), but starts from `state` (tensors as initial_state() gives them), and replaces these tensors by the
  // state after the last token, detached. The default, for models without a state, calls operator().
  virtual Tensor carry(std::span<const std::int32_t> ids, Index batch, std::span<Tensor> state) const;
  virtual Index vocabulary() const = 0;  // V
  virtual Index context() const = 0;     // the maximum number of tokens in a training sequence
  // The architecture in a few words, such as "4 layers of 4 heads, width 128, context 64".
  virtual std::string summary() const = 0;
  virtual Objective objective() const { return Objective::kNextToken; }
  // Turns B = `batch` windows of a text into inputs and targets of the objective, in place; called before every
  // training step and evaluation. On entry targets[i] is the token after inputs[i], or kIgnoredTarget where a
  // prediction does not count. On exit targets[i] belongs to row i of the logits. All random choices must come from
  // `rng`.
  virtual void prepare(std::span<std::int32_t> /*inputs*/, std::span<std::int32_t> /*targets*/, Index /*batch*/,
                       Rng& /*rng*/) const {}
  // Creates a reader of single tokens; null: the model has no reader for this format. Without a float32 reader,
  // generation runs the model on the whole window for each token.
  virtual std::unique_ptr<TokenReader> reader(WeightFormat /*format*/) const { return nullptr; }

 protected:
  // T, for implementations of operator(). Errors: those of operator() about the number of ids.
  Index sequence_length(std::span<const std::int32_t> ids, Index batch) const;
};

// A causal model of blocks with attention heads, which the commands of `headlight heads` measure and ablate. Block i
// runs the hooks of layer i (nn/hook.h) on its attention weights and head outputs; MultiHeadAttention does so by
// itself.
class HeadedModel : public LanguageModel {
 public:
  // The stages of operator(): embed(), then run_block() for each layer, then logits() of the last block's output.
  virtual Tensor embed(std::span<const std::int32_t> ids, Index batch) const = 0;  // [B,T,C]
  virtual Tensor run_block(Index layer, const Tensor& x) const = 0;                // [B,T,C] -> [B,T,C]
  virtual Tensor logits(const Tensor& x) const = 0;                                // [B,T,C] -> [B,T,V]
  Tensor operator()(std::span<const std::int32_t> ids, Index batch) const override;

  virtual Index layers() const = 0;
  virtual Index heads_in(Index layer) const = 0;  // may be 0
  virtual Index width() const = 0;                // C
  // The number of most recent keys that a query may attend to, for chance levels; 0: all.
  virtual Index attention_window() const { return 0; }
  // A model of the same sizes, without dropout, with random weights from generator().
  virtual std::unique_ptr<HeadedModel> untrained() const = 0;
};

// The model as a HeadedModel. Error: another model; the message says that `what` needs attention heads.
const HeadedModel& as_headed(const LanguageModel& model, const std::string& what);

}  // namespace headlight
