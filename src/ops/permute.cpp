// permute and transpose: a copy with reordered axes.
//   y[i_axes[0], i_axes[1], ...] = x[i_0, i_1, ...];   dx is dy permuted by the inverse order
#include <algorithm>
#include <array>

#include "ops/common.h"

#include "base/words.h"

namespace headlight {

namespace {

using Axes = std::array<int, Shape::kMaxRank>;

// Works at rank 4; lower ranks are padded on the left with axes of size 1.
Tensor permuted(const Tensor& x, const Axes& axes, int rank) {
  std::array<Index, 4> sizes{1, 1, 1, 1}, strides{};  // sizes of the result's axes, and their strides in x
  std::array<Index, Shape::kMaxRank> shape{};
  for (int i = 0; i < rank; ++i) {
    const int from = axes[static_cast<std::size_t>(i)];
    shape[static_cast<std::size_t>(i)] = x.size(from);
    const std::size_t padded = static_cast<std::size_t>(i) + 4 - static_cast<std::size_t>(rank);
    sizes[padded] = x.size(from);
    strides[padded] = x.shape().inner(from);
  }
  Tensor y = Tensor::empty(Shape(shape.data(), rank), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    T* py = y.data<T>();
    const Index row = sizes[3], rows = row > 0 ? y.numel() / row : 0;
    parallel_for(rows, row_grain(row), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const Index i2 = r % sizes[2], i1 = r / sizes[2] % sizes[1], i0 = r / sizes[2] / sizes[1];
        const T* source = px + i0 * strides[0] + i1 * strides[1] + i2 * strides[2];
        T* target = py + r * row;
        if (strides[3] == 1) std::copy_n(source, row, target);
        else
          for (Index i = 0; i < row; ++i) target[i] = source[i * strides[3]];
      }
    });
  });
  return y;
}

}  // namespace

Tensor permute(const Tensor& x, std::initializer_list<int> order) {
  const int rank = x.rank();
  if (static_cast<int>(order.size()) != rank)
    fail("permute: ", counted(order.size(), "axis", "axes"), " for the shape ", x.shape(), "; name each axis once");
  Axes axes{}, inverse{};
  std::array<bool, Shape::kMaxRank> seen{};
  int i = 0;
  for (const int named : order) {
    const int axis = axis_of("permute", x, named);
    if (seen[static_cast<std::size_t>(axis)]) fail("permute: axis ", axis, " is named twice; name each axis once");
    seen[static_cast<std::size_t>(axis)] = true;
    axes[static_cast<std::size_t>(i)] = axis;
    inverse[static_cast<std::size_t>(axis)] = i++;
  }
  Tensor y = permuted(x, axes, rank);
  record("permute", y, {x},
         [inverse, rank](const Tensor& dy, const Gradients& d) { d[0].add(permuted(dy, inverse, rank)); });
  if (RematScope::active())
    rematerializable_from(x, y, [axes, rank](const Tensor& made) { return permuted(made, axes, rank); });
  return y;
}

Tensor transpose(const Tensor& x, int axis_a, int axis_b) {
  const int rank = x.rank(), a = axis_of("transpose", x, axis_a), b = axis_of("transpose", x, axis_b);
  Axes axes{};
  for (int i = 0; i < rank; ++i) axes[static_cast<std::size_t>(i)] = i == a ? b : i == b ? a : i;
  Tensor y = permuted(x, axes, rank);
  record("transpose", y, {x},
         [axes, rank](const Tensor& dy, const Gradients& d) { d[0].add(permuted(dy, axes, rank)); });
  return y;
}

}  // namespace headlight
