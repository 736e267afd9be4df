// PositionEncoding: the interface by which a transformer gets the positions of its tokens.
//
// Attention without a mask does not depend on the order of the keys, so positions must be added. An encoding
// overrides at most one of three functions: embed(), on the embeddings before the first block (sinusoidal, learned);
// rotate(), on queries and keys (rotary); or bias(), on the scores (ALiBi). The defaults do nothing.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "headlight/nn/module.h"
#include "headlight/ops/ops.h"

namespace headlight {

class PositionEncoding : public Module {
 public:
  // x [B,T,C], the embeddings at positions offset .. offset+T-1 -> [B,T,C].
  virtual Tensor embed(const Tensor& x, Index /*offset*/ = 0) const { return x; }
  // Rotates queries or keys [B,H,T,D] at positions offset .. offset+T-1 -> [B,H,T,D]. An override must also override
  // is_rotary() to return true; otherwise attention does not call it.
  virtual Tensor rotate(const Tensor& q_or_k, Index /*offset*/ = 0) const { return q_or_k; }
  virtual bool is_rotary() const { return false; }
  // Each row of x [B,T,C] begins with `heads` vectors of `size` columns: rotates them at positions 0 .. T-1, and copies
  // the other columns. The default calls rotate(); a faster override must give the same result. If x is passed by
  // std::move and no other handle shares its storage, an override may overwrite x.
  virtual Tensor rotate_heads(Tensor x, Index heads, Index size) const;
  // The bias added to the scores of T queries over S keys: [H,T,S], or undefined for no bias. The queries are at the
  // last T of the S positions.
  virtual Tensor bias(Index /*heads*/, Index /*queries*/, Index /*keys*/, DType) const { return {}; }
  // True if the encoding depends on relative positions only. The decoder may then drop the oldest tokens and reuse the
  // cached keys and values of the rest (models/decoder.h).
  virtual bool relative() const { return false; }
};

// The function that an encoding overrides; kNothing: none.
enum class PositionSite { kNothing, kEmbed, kRotate, kBias };

// An encoding that --position selects by name. Register an encoding before command_line() (headlight/command_line.h),
// or add it to the table in src/nn/position.cpp.
struct PositionKind {
  std::string name, help;
  PositionSite site;  // rotating encodings need an even head size; biases need causal softmax attention
  // `context` is the number of positions in training; `width` is C.
  std::function<std::unique_ptr<PositionEncoding>(Index context, Index width)> make;
  // The number of parameters; empty: none.
  std::function<double(Index context, Index width)> parameters = {};
};
// Errors, which command_line() or the first look-up of a part throws: no name or make, a name that is taken.
void register_position(PositionKind kind);
const std::deque<PositionKind>& position_kinds();
// Error: no such encoding; the message lists all of them.
const PositionKind& find_position(const std::string& name);
std::unique_ptr<PositionEncoding> make_position(const std::string& name, Index context, Index width);

}  // namespace headlight
