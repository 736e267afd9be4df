// stack and split: composed of reshape, concat and slice, which provide the derivatives.
#include <algorithm>

#include "ops/common.h"

namespace headlight {

Tensor stack(std::span<const Tensor> parts, int axis) {
  if (parts.empty()) fail("stack: nothing to stack");
  const Shape& shape = parts[0].shape();
  if (shape.rank() == Shape::kMaxRank)
    fail("stack: parts of shape ", shape, " have no room for one more axis; use at most 3 axes");
  const int at = axis < 0 ? axis + shape.rank() + 1 : axis;
  if (at < 0 || at > shape.rank()) fail("stack: axis ", axis, " is outside a result of rank ", shape.rank() + 1);
  std::array<Index, Shape::kMaxRank> sizes{};
  for (int i = 0; i <= shape.rank(); ++i) sizes[static_cast<std::size_t>(i)] = i == at ? 1 : shape[i < at ? i : i - 1];
  PoolVector<Tensor> expanded;
  expanded.reserve(parts.size());
  for (const Tensor& part : parts) {
    check_same_dtype("stack", parts[0], part);
    if (!(part.shape() == shape)) fail("stack: shapes differ: ", shape, " and ", part.shape());
    expanded.push_back(reshape(part, Shape(sizes.data(), shape.rank() + 1)));
  }
  return concat(expanded, at);
}

Tensor stack(std::initializer_list<Tensor> parts, int axis) {
  return stack(std::span<const Tensor>(parts.begin(), parts.size()), axis);
}

PoolVector<Tensor> split(const Tensor& x, int axis, Index size) {
  axis = axis_of("split", x, axis);
  if (size < 1) fail("split: parts of ", size, " elements are impossible; pass at least 1");
  const Index n = x.size(axis);
  PoolVector<Tensor> parts;
  parts.reserve(static_cast<std::size_t>((n + size - 1) / size));
  for (Index begin = 0; begin < n; begin += size) parts.push_back(slice(x, axis, begin, std::min(n, begin + size)));
  return parts;
}

}  // namespace headlight
