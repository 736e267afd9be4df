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

// An activation that --activation selects by name. Register an activation before command_line()
// (headlight/command_line.h), or add it to the table in src/nn/activation.cpp.
struct ActivationKind {
  std::string name, help;
  std::function<Tensor(const Tensor&)> apply;
  // y[i] = f(x[i]) for n numbers, where y may be x. Null: generation runs the model on the whole window for each token.
  void (*values)(Index n, const float* x, float* y) = nullptr;
};
// Errors, which command_line() or the first look-up of a part throws: no name or apply, a name that is taken.
void register_activation(ActivationKind kind);
const std::deque<ActivationKind>& activation_kinds();
// Error: no such activation; the message lists all of them.
const ActivationKind& find_activation(const std::string& name);

// Describes a feed-forward part at one position by two or three matrices. Single-token decoding and int8 quantization
// use this description:
//   h = f(gate x) * (up x), or f(up x) without a gate;   y = down h
struct FeedForwardStep {
  const ActivationKind* f;
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
  std::string activation = "gelu";
  double dropout = 0;
  LinearOptions in = {}, out = {};  // of the matrices from C to F, and from F to C
};

// A feed-forward part that --feed-forward selects by name. Register a part before command_line()
// (headlight/command_line.h), or add it to the table in src/nn/feed_forward.cpp.
struct FeedForwardKind {
  std::string name, help;
  Index matrices;  // matrices of C F weights each; the default F = 8 C / matrices gives all parts equally many weights
  std::function<std::unique_ptr<FeedForward>(const FeedForwardOptions&)> make;
};
// Errors, which command_line() or the first look-up of a part throws: no name or make, a name that is taken.
void register_feed_forward(FeedForwardKind kind);
const std::deque<FeedForwardKind>& feed_forward_kinds();
// Error: no such part; the message lists all of them.
const FeedForwardKind& find_feed_forward(const std::string& name);

// The part `mlp`: y = down(activation(up(x))).
class Mlp : public FeedForward {
 public:
  explicit Mlp(const FeedForwardOptions& o)
      : up{this, "up", o.width, o.hidden, o.in},
        down{this, "down", o.hidden, o.width, o.out},
        drop_(o.dropout),
        activation_(find_activation(o.activation)) {}

  Tensor operator()(const Tensor& x, const Tensor& residual = {}) const override;
  std::optional<FeedForwardStep> step() const override { return FeedForwardStep{&activation_, &*up, nullptr, &*down}; }

  Child<Linear> up, down;

 private:
  Dropout drop_;
  const ActivationKind& activation_;
};

}  // namespace headlight
