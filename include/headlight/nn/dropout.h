// Dropout: in training, sets each element to zero with probability p and multiplies the others by 1/(1-p) (Srivastava
// et al. 2014); otherwise the identity. "In training" means that a tape is recording. x [...] -> [...]. finish() ends a
// sublayer with dropout and the sum with the residual stream.
#pragma once

#include "headlight/autograd/tape.h"
#include "headlight/nn/linear.h"
#include "headlight/nn/module.h"
#include "headlight/ops/ops.h"

namespace headlight {

class Dropout : public Module {
 public:
  // Error: p outside [0, 1).
  explicit Dropout(double p) : p_(p) {
    if (!(p >= 0 && p < 1)) fail("dropout: probability ", p, " is outside [0, 1)");
  }

  Tensor operator()(const Tensor& x) const { return active_probability() > 0 ? dropout(x, p_) : x; }
  // p in training, 0 otherwise.
  double active_probability() const { return Tape::current() ? p_ : 0; }

 private:
  double p_;
};

// residual + drop(last(x)), or drop(last(x)) if the residual is undefined. x [...,in], residual [...,out] -> [...,out].
// Without dropout the sum is fused into the linear layer, with bit-identical results.
Tensor finish(const Child<Linear>& last, const Tensor& x, const Dropout& drop, const Tensor& residual);

}  // namespace headlight
