// reshape: an alias of x with another shape, without a copy.
#include "ops/common.h"

namespace headlight {

Tensor reshape(const Tensor& x, const Shape& shape) {
  Tensor y = x.alias(shape);
  record("reshape", y, {x}, [](const Tensor& dy, const Gradients& d) { d[0].add(dy.alias(d[0].shape())); });
  rematerializable_from(x, y, [shape](const Tensor& made) { return made.alias(shape); });
  return y;
}

Tensor reshape(const Tensor& x, std::initializer_list<Index> sizes) {
  std::array<Index, Shape::kMaxRank> resolved{};
  int rank = 0, open = -1;
  for (const Index size : sizes) {
    if (rank == Shape::kMaxRank) fail("reshape: more than ", Shape::kMaxRank, " sizes");
    if (size == -1 && open >= 0) fail("reshape: more than one size is -1");
    if (size < -1) fail("reshape: size ", size, " for ", x.shape(), " is negative");
    if (size == -1) open = rank;
    resolved[static_cast<std::size_t>(rank++)] = size == -1 ? 1 : size;
  }
  if (open >= 0) {
    const Index known = Shape(resolved.data(), rank).numel();
    if (known == 0 || x.numel() % known != 0)
      fail("reshape: ", x.shape(), " is not divisible by ", known,
           "; the size -1 cannot be inferred, so pass other sizes");
    resolved[static_cast<std::size_t>(open)] = x.numel() / known;
  }
  return reshape(x, Shape(resolved.data(), rank));
}

}  // namespace headlight
