// finish(): the last layer of a sublayer, followed by dropout and the sum with the residual stream.
#pragma once

#include "headlight/nn/dropout.h"
#include "headlight/nn/linear.h"

namespace headlight {

// residual + drop(last(x)), or drop(last(x)) if the residual is undefined. x [...,in], residual [...,out] -> [...,out].
// Without dropout the sum is fused into the linear layer, with bit-identical results.
inline Tensor finish(const Child<Linear>& last, const Tensor& x, const Dropout& drop, const Tensor& residual) {
  if (!residual.defined()) return drop(last(x));
  if (drop.active_probability() > 0) return add(residual, drop(last(x)));
  return last(x, residual);
}

}  // namespace headlight
