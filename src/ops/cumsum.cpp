// y_j = x_0 + ... + x_j along one axis;   dx_j = dy_j + ... + dy_{n-1}
#include "ops/common.h"

namespace headlight {

namespace {

// Sums from the first element on, or from the last. x is treated as [outer,n,inner].
Tensor running_sum(const Tensor& x, int axis, bool from_last) {
  const Index n = x.size(axis), inner = x.shape().inner(axis), outer = x.shape().outer(axis);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    T* py = y.data<T>();
    parallel_for(outer * inner, row_grain(n), [&](Index begin, Index end) {
      for (Index column = begin; column < end; ++column) {
        double sum = 0;  // a long float32 sum would lose digits
        for (Index j = 0; j < n; ++j) {
          const Index at = (column / inner * n + (from_last ? n - 1 - j : j)) * inner + column % inner;
          py[at] = static_cast<T>(sum += static_cast<double>(px[at]));
        }
      }
    });
  });
  return y;
}

}  // namespace

Tensor cumsum(const Tensor& x, int axis) {
  axis = axis_of("cumsum", x, axis);
  Tensor y = running_sum(x, axis, false);
  record("cumsum", y, {x}, [axis](const Tensor& dy, const Gradients& d) { d[0].add(running_sum(dy, axis, true)); });
  return y;
}

}  // namespace headlight
