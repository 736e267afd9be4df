// How a part of a block ends: its last layer, dropout, and the sum with the residual stream.
#pragma once

#include "headlight/nn/dropout.h"
#include "headlight/nn/linear.h"

namespace headlight {

// residual + drop(last(x)), or drop(last(x)) where no residual [...,out] is given. Where nothing is dropped it is one pass
// over the result instead of two, with the same bits.
inline Tensor finish(const Child<Linear>& last, const Tensor& x, const Dropout& drop, const Tensor& residual) {
  if (!residual.defined()) return drop(last(x));
  if (drop.active_probability() > 0) return add(residual, drop(last(x)));
  return last(x, residual);
}

}  // namespace headlight
