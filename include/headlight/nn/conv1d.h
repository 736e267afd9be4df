// Conv1d: a causal convolution along a sequence, with stride 1 (see conv1d() in ops/ops.h). x [B,T,in] -> [B,T,out].
#pragma once

#include <cmath>
#include <optional>

#include "headlight/nn/linear.h"

namespace headlight {

class Conv1d : public Module {
 public:
  // `kernel` is the number of taps K: y_t depends on x_t, x_{t-dilation}, ..., x_{t-(K-1) dilation}. The weights are
  // initialized like those of a Linear with K * in / groups inputs. Errors: kernel below 1, groups do not divide in and
  // out.
  Conv1d(Index in, Index out, Index kernel, const Conv1dOptions& taps = {}, const LinearOptions& options = {})
      : weight{this,
               "weight",
               {out, columns(in, out, kernel, taps.groups)},
               initial(in, kernel, taps.groups, options),
               options.role,
               options.stacked},
        taps_(taps) {
    if (options.bias) bias.emplace(this, "bias", Shape{out}, Init::zeros());
  }

  Tensor operator()(const Tensor& x) const { return conv1d(x, weight, bias ? bias->value() : Tensor(), taps_); }

  Param weight;               // [out, K in/groups]
  std::optional<Param> bias;  // [out]

 private:
  static Index columns(Index in, Index out, Index kernel, Index groups) {
    if (kernel < 1) fail("conv1d: a kernel of ", kernel, " taps; use at least 1");
    if (groups < 1 || in % groups != 0 || out % groups != 0)
      fail("conv1d: ", groups, " groups do not divide ", in, " and ", out, " channels; use a common divisor");
    return kernel * (in / groups);
  }
  static Init initial(Index in, Index kernel, Index groups, const LinearOptions& options) {
    if (options.stddev >= 0) return Init::normal(options.stddev);
    return Init::uniform(1 / std::sqrt(static_cast<double>(kernel * (in / groups))));
  }

  Conv1dOptions taps_;
};

}  // namespace headlight
