// pad: constants before and after the elements of one axis. Composed of concat, which provides the derivative.
#include "ops/common.h"

namespace headlight {

Tensor pad(const Tensor& x, int axis, Index before, Index after, double value) {
  axis = axis_of("pad", x, axis);
  if (before < 0 || after < 0)
    fail("pad: ", before, " before and ", after, " after must not be negative; slice() removes elements");
  const auto constant = [&](Index size) { return Tensor::full(x.shape().with(axis, size), value, x.dtype()); };
  return concat({constant(before), x, constant(after)}, axis);
}

}  // namespace headlight
