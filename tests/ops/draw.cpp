// Random shapes, axes and values for the tests of operations.
#include "ops/draw.h"

#include <array>
#include <utility>

namespace headlight::tests {

namespace {

// Odd sizes, so that vector bodies have tails and the last chunk is shorter than the others.
const std::array<Shape, 4> kLargeShapes{Shape{61001}, Shape{601, 103}, Shape{3, 200, 101}, Shape{2, 3, 100, 103}};

}  // namespace

Shape draw_shape(Rng& rng, Size size, int least_rank, int most_rank) {
  if (size != Size::kSmall && least_rank == 0) least_rank = 1;
  const auto rank = static_cast<int>(draw_between(rng, least_rank, most_rank));
  if (size == Size::kLarge) return kLargeShapes[static_cast<std::size_t>(rank - 1)];
  std::array<Index, Shape::kMaxRank> sizes{};
  for (int i = 0; i < rank; ++i) sizes[static_cast<std::size_t>(i)] = draw_between(rng, 1, rank <= 2 ? 6 : 3);
  if (rank > 0 && (size == Size::kEmpty || rng.below(12) == 0)) sizes[static_cast<std::size_t>(rng.below(rank))] = 0;
  return Shape(sizes.data(), rank);
}

int draw_axis(Rng& rng, const Shape& shape) {
  const auto axis = static_cast<int>(rng.below(shape.rank()));
  return draw_bool(rng) ? axis : axis - shape.rank();
}

ShapeAndAxis draw_filled_axis(Rng& rng, Size size) {
  for (;;) {
    const Shape shape = draw_shape(rng, size, size == Size::kEmpty ? 2 : 1);
    const int axis = draw_axis(rng, shape);
    if (shape[axis] > 0) return {shape, axis};
  }
}

Shape draw_broadcastable(Rng& rng, const Shape& result) {
  std::array<Index, Shape::kMaxRank> sizes{};
  const auto dropped = static_cast<int>(rng.below(3) == 0 ? draw_between(rng, 0, result.rank()) : 0);
  for (int i = dropped; i < result.rank(); ++i)
    sizes[static_cast<std::size_t>(i - dropped)] = rng.below(4) == 0 ? 1 : result[i];
  return Shape(sizes.data(), result.rank() - dropped);
}

ShapePair draw_broadcast_pair(Rng& rng, Size size) {
  const Shape result = draw_shape(rng, size);
  // An axis of size 1 in one input has its full size in the other.
  ShapePair pair{draw_broadcastable(rng, result), result};
  for (int i = 1; i <= pair.a.rank(); ++i)
    if (pair.a[-i] == result[-i] && rng.below(4) == 0) pair.b = pair.b.with(-i, 1);
  if (draw_bool(rng)) std::swap(pair.a, pair.b);
  return pair;
}

Tensor draw_values(Rng& rng, const Shape& shape, double low, double high) {
  return Tensor::uniform(shape, low, high, rng, DType::kFloat64);
}

Tensor draw_nonzero(Rng& rng, const Shape& shape, double low, double high) {
  Tensor x = draw_values(rng, shape, low, high);
  for (Index i = 0; i < x.numel(); ++i)
    if (draw_bool(rng)) x.data<double>()[i] *= -1;
  return x;
}

Tensor draw_distinct(Rng& rng, const Shape& shape) {
  Tensor x = Tensor::empty(shape, DType::kFloat64);
  double* p = x.data<double>();
  const Index n = x.numel();
  for (Index i = 0; i < n; ++i) p[i] = 0.05 * static_cast<double>(i - n / 2);
  for (Index i = n - 1; i > 0; --i) std::swap(p[i], p[rng.below(i + 1)]);
  return x;
}

Tensor draw_mask(Rng& rng, const Shape& shape, double share) {
  Tensor x = Tensor::empty(shape, DType::kFloat64);
  for (Index i = 0; i < x.numel(); ++i) x.data<double>()[i] = rng.uniform() < share ? 1 : 0;
  return x;
}

std::vector<std::int32_t> draw_indices(Rng& rng, Index count, Index n) {
  std::vector<std::int32_t> indices(static_cast<std::size_t>(n > 0 ? count : 0));
  for (std::int32_t& index : indices) index = static_cast<std::int32_t>(rng.below(n));
  return indices;
}

}  // namespace headlight::tests
