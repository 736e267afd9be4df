// Decoder: incremental decoding of a TransformerLM with a key-value cache.
//
// In each block, the key and value of token t depend on tokens 0..t only. Reading one more token therefore needs only
// its own query, key and value; those of the earlier tokens are cached:
//
//   x = tokens[id] + position                                      [C]
//   in each block:  q, k, v = W_qkv norm1(x)                       [3HD]      k and v are cached
//                   x += W_out softmax(q K^T / sqrt(D)) V                     over all keys K and values V so far
//                   x += W_down f(W_up norm2(x))
//   logits = W_head norm(x)                                        [V]
//
// With grouped queries, the heads of a group share one cached key and value. With a window of W tokens, the cache holds
// min(W, T) tokens. Linear attention caches its sums instead (src/ops/linear_attention.cpp), in constant memory.
//
// Each weight is used once per token, so memory bandwidth for weights and cache bounds the speed.
//
// When the cache holds a full context of T tokens, the next token displaces earlier tokens:
//  - With relative positions (rotary, ALiBi, none) the oldest token leaves the cache, and nothing is recomputed. The
//    result then differs from that of the model on the last T tokens, for two reasons. First, the remaining keys and
//    values were computed while the removed tokens were in the context, so from the second block on they carry
//    information from up to layers x (T - 1) tokens back. Second, no cached token was read as the first token of a
//    sequence; in training, every window has such a token.
//  - With absolute positions (learned, sinusoidal) every key and value would change. The decoder therefore starts again
//    from the last floor(T / 2) tokens and the new one, in one batch. Until the cache is full again, the logits equal
//    those of the model on these tokens.
//
// To support a new layer of TransformerLM or TransformerBlock, implement it twice: in read_all()
// (src/models/decoder.cpp) for a batch, and in build_steps() and run() (decoder_step.cpp) for one token. The
// constructor compares the decoder with the model and throws Mismatch if they differ; generate() then runs the full
// model instead.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "headlight/base/error.h"
#include "headlight/models/transformer.h"

namespace headlight {

class Decoder : public TokenReader {
 public:
  struct Mismatch : Error {
    using Error::Error;
  };

  // Compares the decoder's logits with the model's over the whole context and beyond. If the comparison would take
  // seconds, compares only the first tokens. Errors: a model that is not float32; Mismatch if the model has parameters
  // that the decoder does not support, or if the logits differ.
  explicit Decoder(const TransformerLM& model, WeightFormat format = WeightFormat::kFloat32);
  ~Decoder() override;

  // Clears the cache and reads these tokens in one batch, with the model's own weights, whatever the format.
  std::span<const float> start(std::span<const std::int32_t> ids) override;
  // Allocates only when the cache grows (its size doubles), when the decoder starts again, and once after the number of
  // threads was raised.
  std::span<const float> next(std::int32_t id) override;
  // Number of tokens in the cache.
  Index length() const override;
  bool full() const;
  const TransformerLM& model() const;
  // Bytes of weights and of cached keys and values read for one token that attends to `length` tokens, itself included.
  Index bytes_read(Index length) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace headlight
