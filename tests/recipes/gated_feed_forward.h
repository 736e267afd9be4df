// down(silu(gate(x)) * up(x)): a feed-forward layer with a gate (Shazeer 2020). x [B,T,C] -> [B,T,C].
#pragma once

#include "headlight/nn/linear.h"

class GatedFeedForward : public headlight::Module {
 public:
  GatedFeedForward(headlight::Index width, headlight::Index hidden)
      : gate{this, "gate", width, hidden}, up{this, "up", width, hidden}, down{this, "down", hidden, width} {}

  headlight::Tensor operator()(const headlight::Tensor& x) const {
    const headlight::Tensor open = silu(gate(x));  // [B,T,F]
    return down(mul(open, up(x)));
  }

  headlight::Child<headlight::Linear> gate, up, down;
};
