// slice and concat. The backward pass of each is the other's forward pass; both copy blocks of [outer,n,inner].
#include <algorithm>

#include "ops/common.h"

namespace headlight {

namespace {

// Copies `count` entries of the axis from x at x_begin to y at y_begin.
void copy_axis(const Tensor& x, Index x_begin, Tensor& y, Index y_begin, Index count, int axis) {
  const Index inner = x.shape().inner(axis), outer = x.shape().outer(axis);
  const Index x_step = x.size(axis) * inner, y_step = y.size(axis) * inner, block = count * inner;
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* source = x.data<T>() + x_begin * inner;
    T* target = y.data<T>() + y_begin * inner;
    parallel_for(outer, row_grain(block), [&](Index begin, Index end) {
      for (Index o = begin; o < end; ++o) std::copy_n(source + o * x_step, block, target + o * y_step);
    });
  });
}

}  // namespace

Tensor slice(const Tensor& x, int axis, Index begin, Index end) {
  axis = axis_of("slice", x, axis);
  const Index n = x.size(axis);
  if (begin < 0 || end < begin || end > n)
    fail("slice: ", begin, " to ", end, " is outside axis ", axis, " of ", x.shape());
  Tensor y = Tensor::empty(x.shape().with(axis, end - begin), x.dtype());
  copy_axis(x, begin, y, 0, end - begin, axis);
  const Shape shape = x.shape();
  record("slice", y, {x}, [shape, axis, begin](const Tensor& dy, const Gradients& d) {
    Tensor dx = Tensor::zeros(shape, dy.dtype());
    copy_axis(dy, 0, dx, begin, dy.size(axis), axis);
    d[0].add(dx);
  });
  return y;
}

Tensor concat(std::span<const Tensor> parts, int axis) {
  if (parts.empty()) fail("concat: nothing to concatenate");
  axis = axis_of("concat", parts[0], axis);
  const Shape& first = parts[0].shape();
  Index total = 0;
  for (const Tensor& part : parts) {
    check_same_dtype("concat", parts[0], part);
    if (part.rank() != first.rank() || !(part.shape().with(axis, 0) == first.with(axis, 0)))
      fail("concat: shapes differ outside axis ", axis, ": ", first, " and ", part.shape());
    total += part.size(axis);
  }
  Tensor y = Tensor::empty(first.with(axis, total), parts[0].dtype());
  PoolVector<Index> starts;
  starts.reserve(parts.size());
  Index at = 0;
  for (const Tensor& part : parts) {
    starts.push_back(at);
    copy_axis(part, 0, y, at, part.size(axis), axis);
    at += part.size(axis);
  }
  record("concat", y, parts, [starts = std::move(starts), axis](const Tensor& dy, const Gradients& d) {
    for (int i = 0; i < static_cast<int>(starts.size()); ++i) {
      if (!d[i].needed()) continue;
      Tensor dx = Tensor::empty(d[i].shape(), dy.dtype());
      copy_axis(dy, starts[static_cast<std::size_t>(i)], dx, 0, dx.size(axis), axis);
      d[i].add(dx);
    }
  });
  return y;
}

Tensor concat(std::initializer_list<Tensor> parts, int axis) {
  return concat(std::span<const Tensor>(parts.begin(), parts.size()), axis);
}

}  // namespace headlight
