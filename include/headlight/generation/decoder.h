// Decoder: a CharTransformer that writes, one token at a time, keeping the keys and values of what it has seen.
//
// A model run over T tokens computes, in each block, a key and a value for each of them, and those of token t depend on
// tokens 0..t alone. So to read one more token only its own query, key and value are needed; the others are in a cache:
//
//   x = tokens[id] + position                                      [C]
//   in each block:  q, k, v = W_qkv norm1(x)                       [3HD]      the cache gets k and v
//                   x += W_out softmax(q K^T / sqrt(D)) V                     over all keys K and values V so far
//                   x += W_down f(W_up norm2(x))
//   logits = W_head norm(x)                                        [V]
//
// Each weight is used once a token: the time is that of reading the weights and the cache, so what counts is bandwidth.
//
// When the context is full, the next token makes room:
//  - Where positions are relative (rotary, ALiBi, none) the oldest token leaves the cache and nothing is computed again.
//    Within the context this equals the model; after that it is not the model run on the last T tokens: the keys and
//    values that stay were computed when the tokens that left could still be seen, so from the second block on they
//    carry something of them (text up to layers x (T - 1) tokens back can matter), and no token stands at the
//    beginning of a text, as one does in training.
//  - Where positions are absolute (learned, sinusoidal) every key and value would change, so the decoder starts again
//    from the last floor(T / 2) tokens and the new one, in one batch; until it is full again it equals the model run on
//    what it has kept.
//
// The decoder reads the model's weights where they are: it must not outlive the model, and after the weights have
// changed it must start() again. Adding a layer to CharTransformer or TransformerBlock? Do in src/generation/decoder.cpp what
// the layer does: in read_all() for a batch, in link_steps() and run() for one token. A decoder that computes something
// else than the model says so when it is made (Mismatch), so text is never wrong silently; generate() then runs the
// whole model instead.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "headlight/base/error.h"
#include "headlight/models/transformer.h"

namespace headlight {

class Decoder {
 public:
  enum class Weights {
    kFloat32,
    kInt8,  // copies of eight bits (generation/quantize.h) where one token is read; start() reads its batch with the model's own
  };
  struct Mismatch : Error {
    using Error::Error;
  };

  // Compares itself with the model, over the whole context and one token more; of a model that would take seconds, over its
  // first tokens. Errors: a model that is not float32; Mismatch: the model has parameters that the
  // decoder does not know, or its logits are not the decoder's.
  explicit Decoder(const CharTransformer& model, Weights weights = Weights::kFloat32);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Forgets everything and reads these tokens in one batch. Returns the logits [V] for the token that follows, valid
  // until the next call. Errors: no tokens, more than the context, an id outside the vocabulary.
  std::span<const float> start(std::span<const std::int32_t> ids);
  // Reads one more token (the first, after nothing). Allocates nothing, except while the cache still grows (it doubles),
  // where it starts again, and once after the number of threads was raised. Error: an id outside the vocabulary.
  std::span<const float> next(std::int32_t id);

  // Tokens in the cache: what the next one will see beside itself, if there is room.
  Index length() const;
  bool full() const;
  const CharTransformer& model() const;
  // Bytes of weights, and of cached keys and values, that reading a token takes when it sees `length` tokens, itself
  // included.
  Index bytes_read(Index length) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace headlight
