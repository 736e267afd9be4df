// FeedForward (Vaswani et al. 2017): two linear layers with an activation between them, applied to each position
// separately. x [B,T,C] -> [B,T,C].
#pragma once

#include "headlight/nn/residual.h"

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
  fail("feed_forward: unknown activation");
}

class FeedForward : public Module {
 public:
  // `width` is C, `hidden` is F. `in` and `out` are the options of `up` and `down`.
  FeedForward(Index width, Index hidden, Activation activation = Activation::kGelu, double dropout = 0,
              const LinearOptions& in = {}, const LinearOptions& out = {})
      : up{this, "up", width, hidden, in},
        down{this, "down", hidden, width, out},
        drop(dropout),
        activation_(activation) {}

  // residual + drop(down(activation(up(x)))); the residual is [B,T,C] or undefined.
  Tensor operator()(const Tensor& x, const Tensor& residual = {}) const {
    const Tensor h = activate(activation_, up(x));  // [B,T,F]
    return finish(down, h, drop, residual);         // [B,T,C]
  }

  Child<Linear> up, down;
  Dropout drop;

 private:
  Activation activation_;
};

}  // namespace headlight
