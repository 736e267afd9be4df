// LayerNorm and RMSNorm: normalize the last axis, then scale each channel. x [...,C] -> [...,C].
#pragma once

#include <optional>

#include "headlight/nn/module.h"
#include "headlight/ops/ops.h"

namespace headlight {

enum class NormKind {
  kLayer,  // gamma (x - mean) / sqrt(variance + eps) + beta (Ba, Kiros, Hinton 2016)
  kRms,    // gamma x / sqrt(mean(x^2) + eps), without centering and beta (Zhang, Sennrich 2019)
};

// Layer norm or RMS norm, selected at run time. The parameters are named "weight" (gamma) and "bias" (beta).
class Norm : public Module {
 public:
  Norm(NormKind kind, Index width, double eps = 1e-5) : gamma{this, "weight", {width}, Init::ones()}, eps_(eps) {
    if (kind == NormKind::kLayer) beta.emplace(this, "bias", Shape{width}, Init::zeros());
  }

  Tensor operator()(const Tensor& x) const {
    return beta ? layer_norm(x, gamma, beta->value(), eps_) : rms_norm(x, gamma, eps_);
  }

  double eps() const { return eps_; }

  Param gamma;                // [C]
  std::optional<Param> beta;  // [C], layer norm only

 private:
  double eps_;
};

class LayerNorm : public Norm {
 public:
  explicit LayerNorm(Index width, double eps = 1e-5) : Norm(NormKind::kLayer, width, eps) {}
};

class RMSNorm : public Norm {
 public:
  explicit RMSNorm(Index width, double eps = 1e-5) : Norm(NormKind::kRms, width, eps) {}
};

}  // namespace headlight
