// y = sum_j (x_j - mean)^2 / (n - correction);   dx_j = dy 2 (x_j - mean) / (n - correction)
// The mean depends on every x_j, but its share of the derivative is a multiple of sum_j (x_j - mean) = 0.
#include "ops/common.h"

namespace headlight {

Tensor var(const Tensor& x, int axis, bool keep, Index correction) {
  axis = axis_of("var", x, axis);
  const Index n = x.size(axis);
  if (n <= correction || n == 0)
    fail("var: axis ", axis, " of ", x.shape(), " needs more than ", correction < 0 ? 0 : correction,
         " elements; correction 0 gives the biased variance");
  const double factor = 1 / static_cast<double>(n - correction);
  const Tensor values = x.detach(), centered = sub(values, mean(values, axis, true));
  Tensor y = scale(sum(mul(centered, centered), axis, keep), factor);
  record("var", y, {x}, [centered, axis, factor](const Tensor& dy, const Gradients& d) {
    d[0].add(scale(mul(centered, dy.alias(centered.shape().with(axis, 1))), 2 * factor));
  });
  return y;
}

}  // namespace headlight
