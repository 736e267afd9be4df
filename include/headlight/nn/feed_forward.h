// FeedForward: the position-wise part of a transformer block, x [B,T,C] -> [B,T,C]. Mlp (Vaswani et al. 2017) has two
// linear layers with an activation between them.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "headlight/nn/dropout.h"

namespace headlight {

enum class Activation { kGelu, kGeluErf, kRelu, kSilu };

inline Tensor activate(Activation kind, const Tensor& x) {
  switch (kind) {
    case Activation::kGelu:
      return gelu(x, Gelu::kTanh);
    case Activation::kGeluErf:
      return gelu(x, Gelu::kErf);
    case Activation::kRelu:
      return relu(x);
    case Activation::kSilu:
      return silu(x);
  }
  fail("feed_forward: unknown activation; use a value of Activation");
}

// Describes a feed-forward part at one position by two or three matrices. Single-token decoding and int8 quantization
// use this description:
//   h = f(gate x) * (up x), or f(up x) without a gate;   y = down h
struct FeedForwardStep {
  Activation f;
  const Linear* up;
  const Linear* gate;  // may equal `up`; null: no gate
  const Linear* down;
};

class FeedForward : public Module {
 public:
  // residual + drop(y); the residual is [B,T,C] or undefined.
  virtual Tensor operator()(const Tensor& x, const Tensor& residual = {}) const = 0;
  // The description for single-token decoding; without one, generation runs the model on the whole window for each
  // token.
  virtual std::optional<FeedForwardStep> step() const { return std::nullopt; }
};

struct FeedForwardOptions {
  Index width, hidden;  // C and F
  Activation activation = Activation::kGelu;
  double dropout = 0;
  LinearOptions in = {}, out = {};  // of the matrices from C to F, and from F to C
};

// A feed-forward part that --feed-forward selects by name. Register a part before command_line()
// (headlight/command_line.h), or add it to the table in src/nn/feed_forward.cpp.
struct FeedForwardKind {
  std::string name, help;
  Index matrices;  // of C F weights each; the default F, 8 C / matrices, gives all parts the same number of weights
  std::function<std::unique_ptr<FeedForward>(const FeedForwardOptions&)> make;
};
// Errors: no name or make, a name that is taken.
void register_feed_forward(FeedForwardKind kind);
const std::deque<FeedForwardKind>& feed_forward_kinds();
// Null if there is no such part.
const FeedForwardKind* find_feed_forward(const std::string& name);

// The part `mlp`: y = down(activation(up(x))).
class Mlp : public FeedForward {
 public:
  explicit Mlp(const FeedForwardOptions& o)
      : up{this, "up", o.width, o.hidden, o.in},
        down{this, "down", o.hidden, o.width, o.out},
        drop_(o.dropout),
        activation_(o.activation) {}

  Tensor operator()(const Tensor& x, const Tensor& residual = {}) const override {
    const Tensor h = activate(activation_, up(x));  // [B,T,F]
    return finish(down, h, drop_, residual);        // [B,T,C]
  }
  std::optional<FeedForwardStep> step() const override { return FeedForwardStep{activation_, &*up, nullptr, &*down}; }

  Child<Linear> up, down;

 private:
  Dropout drop_;
  Activation activation_;
};

}  // namespace headlight
