// finish(): the end of a sublayer.
#include "headlight/nn/dropout.h"

#include "ops/common.h"

namespace headlight {

Tensor finish(const Child<Linear>& last, const Tensor& x, const Dropout& drop, const Tensor& residual) {
  if (!residual.defined()) return drop(last(x));
  if (const double p = drop.active_probability(); p > 0) return add_dropped(last(x), p, residual);
  return last(x, residual);
}

}  // namespace headlight
