// sum, mean and max over an axis. A tensor is treated as [outer,n,inner], where n is the size of the axis.
#include "ops/common.h"

namespace headlight {

namespace {

// Rows per partial sum. A longer sum adds the partial sums of its pieces in order. The pieces depend on the size alone,
// so the result does not depend on the number of threads.
constexpr Index kPiece = 256;

template <class T>
void sum_middle(Index outer, Index n, Index inner, const T* x, T* y) {
  const auto& table = kernels::active<T>();
  if (outer > 1 || n <= kPiece || n * inner <= kGrain) {
    parallel_for(outer, row_grain(n * inner), [&](Index begin, Index end) {
      table.sum_axis(end - begin, n, inner, x + begin * n * inner, y + begin * inner);
    });
    return;
  }
  const Index pieces = (n + kPiece - 1) / kPiece;
  PoolVector<T> partial(static_cast<std::size_t>(pieces * inner));
  parallel_for(pieces, 1, [&](Index begin, Index end) {
    for (Index piece = begin; piece < end; ++piece) {
      const Index first = piece * kPiece, rows = n - first < kPiece ? n - first : kPiece;
      table.sum_axis(1, rows, inner, x + first * inner, partial.data() + piece * inner);
    }
  });
  table.sum_axis(1, pieces, inner, partial.data(), y);
}

Tensor sum_axis(const Tensor& x, int axis, bool keep) {
  const Shape& shape = x.shape();
  Tensor y = Tensor::empty(keep ? shape.with(axis, 1) : shape.without(axis), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    sum_middle(shape.outer(axis), shape[axis], shape.inner(axis), x.data<T>(), y.data<T>());
  });
  return y;
}

Tensor flatten(const Tensor& x) { return reshape(x, Shape{x.numel()}); }

}  // namespace

// y = sum_j x_j;  dx_j = dy
Tensor sum(const Tensor& x, int axis, bool keep) {
  axis = axis_of("sum", x, axis);
  Tensor y = sum_axis(x.detach(), axis, keep);
  const Shape shape = x.shape();
  record("sum", y, {x}, [shape, axis](const Tensor& dy, const Gradients& d) {
    d[0].add(expand_to(dy.alias(shape.with(axis, 1)), shape));
  });
  return y;
}

Tensor mean(const Tensor& x, int axis, bool keep) {
  axis = axis_of("mean", x, axis);
  if (x.size(axis) == 0) fail("mean: axis ", axis, " of ", x.shape(), " is empty");
  return scale(sum(x, axis, keep), 1 / static_cast<double>(x.size(axis)));
}

// y = x_m, where m is the first index of the maximum;  dx_m = dy, other elements 0
Tensor max(const Tensor& x, int axis, bool keep) {
  axis = axis_of("max", x, axis);
  const Shape shape = x.shape();
  const Index n = shape[axis], inner = shape.inner(axis), outer = shape.outer(axis);
  if (n == 0) fail("max: axis ", axis, " of ", shape, " is empty");
  Tensor y = Tensor::empty(keep ? shape.with(axis, 1) : shape.without(axis), x.dtype());
  PoolVector<std::int32_t> where(static_cast<std::size_t>(outer * inner));
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    T* py = y.data<T>();
    parallel_for(outer, row_grain(n * inner), [&](Index begin, Index end) {
      kernels::active<T>().max_axis(end - begin, n, inner, px + begin * n * inner, py + begin * inner,
                                    where.data() + begin * inner);
    });
  });
  record("max", y, {x}, [shape, n, inner, where = std::move(where)](const Tensor& dy, const Gradients& d) {
    Tensor dx = Tensor::zeros(shape, dy.dtype());
    dispatch(dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T* pdy = dy.data<T>();
      T* pdx = dx.data<T>();
      for (Index i = 0; i < dy.numel(); ++i)
        pdx[(i / inner * n + where[static_cast<std::size_t>(i)]) * inner + i % inner] = pdy[i];
    });
    d[0].add(dx);
  });
  return y;
}

Tensor sum(const Tensor& x) { return sum(flatten(x), 0); }
Tensor mean(const Tensor& x) { return mean(flatten(x), 0); }
Tensor max(const Tensor& x) { return max(flatten(x), 0); }

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x.detach();
  Tensor y = x.detach();
  // First sum over all leading axes that `shape` lacks.
  const int extra = x.rank() - shape.rank();
  if (extra > 0) {
    const Index rest = extra < x.rank() ? x.shape().outer(extra - 1) * x.size(extra - 1) : x.numel();
    y = sum_axis(y.alias({rest, rest == 0 ? 0 : x.numel() / rest}), 0, false);
    std::array<Index, Shape::kMaxRank> sizes{};
    for (int i = 0; i < shape.rank(); ++i) sizes[static_cast<std::size_t>(i)] = x.size(extra + i);
    const Shape left(sizes.data(), shape.rank());
    // An empty x loses its sizes in the flattening above; its sum is zero.
    y = y.numel() == left.numel() ? y.alias(left) : Tensor::zeros(left, x.dtype());
  }
  for (int i = 0; i < shape.rank(); ++i)
    if (shape[i] == 1 && y.size(i) != 1) y = sum_axis(y, i, true);
  return y;
}

}  // namespace headlight
