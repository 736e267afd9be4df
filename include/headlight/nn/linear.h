// Linear: y = x w^T + b, x [..., in] -> y [..., out]; or y = addend + x w^T + b, the addend [..., out].
#pragma once

#include <cmath>
#include <optional>

#include "headlight/nn/module.h"
#include "headlight/ops/ops.h"

namespace headlight {

struct LinearOptions {
  bool bias = true;
  // The standard deviation of the normal numbers the weight starts from. Negative: uniform in +-1/sqrt(in) instead,
  // PyTorch's default.
  double deviation = -1;
};

class Linear : public Module {
 public:
  Linear(Index in, Index out, const LinearOptions& options = {})
      : weight{this,
               "weight",
               {out, in},
               options.deviation < 0 ? Init::uniform(1 / std::sqrt(static_cast<double>(in)))
                                     : Init::normal(options.deviation)} {
    if (options.bias) bias.emplace(this, "bias", Shape{out}, Init::zeros());
  }

  Tensor operator()(const Tensor& x, const Tensor& addend = {}) const {
    return linear(x, weight, bias ? bias->value() : Tensor(), addend);
  }

  Param weight;               // [out, in]
  std::optional<Param> bias;  // [out]
};

}  // namespace headlight
