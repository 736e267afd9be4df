// gather and embedding: select entries of an axis by index. The backward pass adds each gradient to its source entry.
//   y[o, j, i] = x[o, indices[j], i];   dx[o, indices[j], i] += dy[o, j, i]
#include <algorithm>

#include "ops/common.h"

#include "base/words.h"

namespace headlight {

namespace {

using Indices = PoolVector<std::int32_t>;

Indices checked(const char* operation, std::span<const std::int32_t> indices, Index n) {
  for (std::size_t j = 0; j < indices.size(); ++j)
    if (indices[j] < 0 || indices[j] >= n)
      fail(operation, ": index ", indices[j], " at position ", j, " is outside 0 to ", n - 1);
  return Indices(indices.begin(), indices.end());
}

void take(const Tensor& x, int axis, const Indices& indices, Tensor& y) {
  const Index inner = x.shape().inner(axis), outer = x.shape().outer(axis), n = x.size(axis);
  const auto count = static_cast<Index>(indices.size());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    T* py = y.data<T>();
    parallel_for(outer * count, row_grain(inner), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r)
        std::copy_n(px + (r / count * n + indices[static_cast<std::size_t>(r % count)]) * inner, inner, py + r * inner);
    });
  });
}

// Threads split the columns, not the entries: several entries may add to the same row, in an order that must be fixed.
void scatter_add(const Tensor& dy, int axis, const Indices& indices, Tensor& dx) {
  const Index inner = dx.shape().inner(axis), outer = dx.shape().outer(axis), n = dx.size(axis);
  const auto count = static_cast<Index>(indices.size());
  dispatch(dx.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* pdy = dy.data<T>();
    T* pdx = dx.data<T>();
    const auto& table = kernels::active<T>();
    // Columns per chunk: enough work for a thread, and at least a few SIMD vectors.
    const Index columns = std::max<Index>(32, kGrain / std::max<Index>(1, outer * count));
    parallel_for(inner, columns, [&](Index begin, Index end) {
      for (Index r = 0; r < outer * count; ++r) {
        const Index row = r / count * n + indices[static_cast<std::size_t>(r % count)];
        table.accumulate(end - begin, pdy + r * inner + begin, pdx + row * inner + begin);
      }
    });
  });
}

}  // namespace

Tensor gather(const Tensor& x, int axis, std::span<const std::int32_t> wanted) {
  axis = axis_of("gather", x, axis);
  Indices indices = checked("gather", wanted, x.size(axis));
  Tensor y = Tensor::empty(x.shape().with(axis, static_cast<Index>(indices.size())), x.dtype());
  take(x, axis, indices, y);
  record("gather", y, {x}, [axis, indices = std::move(indices)](const Tensor& dy, const Gradients& d) {
    Tensor dx = Tensor::zeros(d[0].shape(), dy.dtype());
    scatter_add(dy, axis, indices, dx);
    d[0].add(dx);
  });
  return y;
}

Tensor embedding(const Tensor& table, std::span<const std::int32_t> ids, const Shape& shape) {
  if (table.rank() != 2) fail("embedding: the table is ", table.shape(), " and should be [V,C]");
  if (static_cast<Index>(ids.size()) != shape.numel())
    fail("embedding: ", counted(ids.size(), "id"), " for the shape ", shape, "; pass one id per element");
  if (shape.rank() == Shape::kMaxRank)
    fail("embedding: ids of shape ", shape, " leave no axis for the rows; use at most 3 axes");
  Indices indices = checked("embedding", ids, table.size(0));
  std::array<Index, Shape::kMaxRank> sizes{};
  for (int i = 0; i < shape.rank(); ++i) sizes[static_cast<std::size_t>(i)] = shape[i];
  sizes[static_cast<std::size_t>(shape.rank())] = table.size(1);
  Tensor y = Tensor::empty(Shape(sizes.data(), shape.rank() + 1), table.dtype());
  take(table, 0, indices, y);
  record("embedding", y, {table}, [indices = std::move(indices)](const Tensor& dy, const Gradients& d) {
    bool accumulate = false;
    Tensor target = d[0].target(accumulate);
    if (!accumulate) target.fill(0);
    scatter_add(dy, 0, indices, target);
  });
  return y;
}

}  // namespace headlight
