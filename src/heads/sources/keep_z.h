// A hook that keeps the output z of all heads while a model runs.
#pragma once

#include <vector>

#include "heads/ablation/ablation.h"

namespace headlight {

struct KeepZ : Hook {
  explicit KeepZ(Index layers) : z(static_cast<std::size_t>(layers)) {}
  std::vector<Tensor> z;  // [layer]: [B,H,T,D]; undefined for a layer without heads
  bool wants_weights() const override { return false; }
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind == HookSite::Kind::kHeadOutputs) z[static_cast<std::size_t>(site.layer)] = x;
    return x;
  }
};

}  // namespace headlight
