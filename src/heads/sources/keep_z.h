// A hook that keeps the output z of all heads while a model runs.
#pragma once

#include <vector>

#include "heads/ablation/ablation.h"

namespace headlight {

struct KeepZ : Probe {
  explicit KeepZ(Index layers) : z(static_cast<std::size_t>(layers)) {}
  std::vector<Tensor> z;  // [layer]: [B,H,T,D]; undefined for a layer without heads
  bool wants_weights() const override { return false; }
  Tensor see(const std::string& name, const Tensor& x) override {
    if (const Index layer = layer_of_z(name); layer >= 0) z[static_cast<std::size_t>(layer)] = x;
    return x;
  }
};

}  // namespace headlight
