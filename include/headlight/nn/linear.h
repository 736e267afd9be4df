// Linear: y = x w^T + b, or y = addend + x w^T + b. x [...,in], addend [...,out] -> y [...,out].
#pragma once

#include <cmath>
#include <optional>

#include "headlight/nn/module.h"
#include "headlight/ops/ops.h"

namespace headlight {

struct LinearOptions {
  bool bias = true;
  // Standard deviation of the initial weights, which are normal with mean 0. Negative: uniform in [-b, b) with
  // b = 1/sqrt(in), PyTorch's default.
  double stddev = -1;
  // ParamRole of the weight, and the number of matrices stacked in it (see NamedTensor).
  ParamRole role = ParamRole::kMatrix;
  Index stacked = 1;
};

class Linear : public Module {
 public:
  Linear(Index in, Index out, const LinearOptions& options = {})
      : weight{
            this,
            "weight",
            {out, in},
            options.stddev < 0 ? Init::uniform(1 / std::sqrt(static_cast<double>(in))) : Init::normal(options.stddev),
            options.role,
            options.stacked} {
    if (options.bias) bias.emplace(this, "bias", Shape{out}, Init::zeros());
  }

  Tensor operator()(const Tensor& x, const Tensor& addend = {}) const {
    return linear(x, weight, bias ? bias->value() : Tensor(), addend);
  }

  Param weight;               // [out, in]
  std::optional<Param> bias;  // [out]
};

}  // namespace headlight
