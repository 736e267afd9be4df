// Multi-head attention (Vaswani et al. 2017): H heads of size D attend to the same sequence in parallel; an output
// projection mixes their results. For one head step by step see self_attention.h.
//
//   q, k, v = x W_qkv^T + b          [B,T,3HD] -> three of [B,H,T,D]
//   z = softmax(q k^T / sqrt(D)) v   [B,H,T,D], or another AttentionPattern
//   y = z W_out^T + b                [B,T,HD] -> [B,T,C]
//
// With grouped queries (Ainslie et al. 2023), H / G neighboring heads share a key head; k and v are then [B,G,T,D].
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "headlight/nn/dropout.h"
#include "headlight/nn/hook.h"
#include "headlight/nn/position.h"

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

// Describes an attention pattern for one query. The pattern is a softmax over the keys of the last `window` tokens (0:
// of all tokens). If `linear`, the pattern is linear_attention() with its sums S and n instead. Single-token decoding
// and cost estimates use this description.
struct AttentionStep {
  Index window = 0;
  bool linear = false;
};

// How a query combines the values of earlier tokens: the part of self-attention that --attention selects.
class AttentionPattern {
 public:
  virtual ~AttentionPattern() = default;
  // q [B,H,T,D], k and v [B,G,T,D] -> z [B,H,T,D]. A non-null `weights` receives the weights [B,H,T,T].
  virtual Tensor operator()(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                            Tensor* weights) const = 0;
  // The same for a packed projection [B,T,(H+2G)D] -> [B,T,HD]; undefined if the pattern does not support the packed
  // layout.
  virtual Tensor packed(const Tensor& /*qkv*/, Index /*heads*/, Index /*key_heads*/, const AttentionOptions&) const {
    return {};
  }
  // The description for single-token decoding; without one, generation runs the model on the whole window for each
  // token.
  virtual std::optional<AttentionStep> step() const { return std::nullopt; }
};

// A pattern that --attention selects by name. Register a pattern before command_line() (headlight/command_line.h), or
// add it to the table in src/nn/attention_patterns.cpp.
struct AttentionKind {
  std::string name, help;
  std::string argument;  // "W": the pattern is selected as NAME:W, with a whole number W >= 1; empty: as NAME
  std::function<std::shared_ptr<const AttentionPattern>(Index argument)> make;
  // The name for lists of choices: "full", "window:W".
  std::string shown() const { return argument.empty() ? name : name + ":" + argument; }
};
// Errors, which command_line() or the first look-up of a part throws: no name or make, a name that is taken.
void register_attention(AttentionKind kind);
const std::deque<AttentionKind>& attention_kinds();
// The pattern that `text` selects, such as "window:32". Error: no such pattern; the message lists all of them.
std::shared_ptr<const AttentionPattern> make_attention(const std::string& text);

struct AttentionLayerOptions {
  Index head_size = 0;  // D; 0 means width / heads
  Index key_heads = 0;  // G, a divisor of H; 0 means H
  double dropout = 0;   // dropout probability of the attention weights and of the result
  Index layer = 0;      // identifies this layer to hooks (HookSite::layer)
  std::shared_ptr<const AttentionPattern> pattern = nullptr;  // of self-attention; null: full
  LinearOptions in;                                           // options of the projection to q, k, v
  LinearOptions out;                                          // options of the output projection
};

class MultiHeadAttention : public Module {
 public:
  // `width` is C, `heads` is H. If head_size is given, H may be 0; the output is then the bias of `out`. Errors: H not
  // divisible by G; without a head_size, H below 1 or C not divisible by H.
  MultiHeadAttention(Index width, Index heads, const AttentionLayerOptions& options = {});

  // Self-attention: x [B,T,C] -> [B,T,C]. `position` rotates queries and keys and biases the scores; null: no position
  // encoding. `residual` [B,T,C] is added to the result; undefined: nothing is added. Error: x is not of rank 3.
  Tensor operator()(const Tensor& x, const AttentionMask& mask = {}, const PositionEncoding* position = nullptr,
                    const Tensor& residual = {}) const;
  // Cross-attention: queries from x [B,T,C], keys and values from context [B,S,C] -> [B,T,C]. Errors: a rank other than
  // 3, different B.
  Tensor cross(const Tensor& x, const Tensor& context, const AttentionMask& mask = {}) const;

  Index heads() const { return heads_; }
  Index key_heads() const { return key_heads_; }
  Index head_size() const { return head_size_; }
  const AttentionPattern& pattern() const { return *pattern_; }

  // The rows of qkv.weight compute the queries of heads 0 .. H-1, then the keys of the G key heads, then their values.
  Child<Linear> qkv;  // weight [(H+2G)D, C]
  Child<Linear> out;  // weight [C, HD]

 private:
  AttentionOptions options(const AttentionMask& mask, Tensor bias) const;
  Tensor attend(const AttentionPattern& pattern, const Tensor& q, const Tensor& k, const Tensor& v,
                const AttentionOptions& options, const Tensor& residual) const;

  Index heads_, head_size_, key_heads_, layer_;
  std::shared_ptr<const AttentionPattern> pattern_;
  Dropout drop_;
};

}  // namespace headlight
