// Position encodings: how a transformer, which sees a set, learns where in the text its characters stand.
//
// A method acts at one of three places and leaves the others alone: on the embeddings before the first block
// (sinusoidal, learned), on queries and keys (rotary), or on the scores (ALiBi).
#pragma once

#include <memory>
#include <span>
#include <string>

#include "headlight/nn/module.h"
#include "headlight/ops/ops.h"

namespace headlight {

enum class PositionKind { kNone, kSinusoidal, kLearned, kRotary, kAlibi };

class PositionEncoding : public Module {
 public:
  // x [B,T,C], the embeddings of positions offset .. offset+T-1.
  virtual Tensor embed(const Tensor& x, Index /*offset*/ = 0) const { return x; }
  // Queries or keys [B,H,T,D] of these positions. An encoding that overrides this overrides turns() too.
  virtual Tensor turn(const Tensor& q_or_k, Index /*offset*/ = 0) const { return q_or_k; }
  virtual bool turns() const { return false; }
  // What is added to the scores of T queries, the last of S positions, over S keys: [H,T,S], or not defined for nothing.
  // `which`: only for these of the H heads, by number; empty: for all.
  virtual Tensor bias(Index /*heads*/, Index /*queries*/, Index /*keys*/, DType,
                      std::span<const Index> /*which*/ = {}) const {
    return {};
  }
  // Whether all it does depends on distances alone, so that a text may lose its beginning and keep the keys and values
  // of the rest (generation/decoder.h).
  virtual bool relative() const { return false; }
};

// `context` bounds the positions of the learned table; `width` is C.
std::unique_ptr<PositionEncoding> make_position(PositionKind kind, Index context, Index width);

}  // namespace headlight
