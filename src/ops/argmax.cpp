// argmax and min. min(x) = -max(-x), so that the derivative and the rule for equal elements are those of max.
#include "ops/common.h"

namespace headlight {

namespace {

int filled_axis(const char* operation, const Tensor& x, int axis) {
  axis = axis_of(operation, x, axis);
  if (x.size(axis) == 0) fail(operation, ": axis ", axis, " of ", x.shape(), " is empty");
  return axis;
}

}  // namespace

PoolVector<std::int32_t> argmax(const Tensor& x, int axis) {
  axis = filled_axis("argmax", x, axis);
  const Index n = x.size(axis), inner = x.shape().inner(axis), outer = x.shape().outer(axis);
  PoolVector<std::int32_t> found(static_cast<std::size_t>(outer * inner));
  Tensor largest = Tensor::empty({outer, inner}, x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    T* py = largest.data<T>();
    parallel_for(outer, row_grain(n * inner), [&](Index begin, Index end) {
      kernels::active<T>().max_axis(end - begin, n, inner, px + begin * n * inner, py + begin * inner,
                                    found.data() + begin * inner);
    });
  });
  return found;
}

Tensor min(const Tensor& x, int axis, bool keep) { return neg(max(neg(x), filled_axis("min", x, axis), keep)); }

Tensor min(const Tensor& x) {
  if (x.numel() == 0) fail("min: ", x.shape(), " is empty");
  return neg(max(neg(x)));
}

}  // namespace headlight
