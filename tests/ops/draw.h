// Random shapes, axes and values for the tests of operations.
#pragma once

#include "headlight/tensor/tensor.h"

namespace headlight::tests {

enum class Size {
  kSmall,  // up to a few dozen elements, sometimes with a size of 0: for finite differences
  kLarge,  // some 60,000 elements: loops over them are split into several chunks
  kEmpty,  // at least one size is 0
};

// A number in low..high, both included.
inline Index draw_between(Rng& rng, Index low, Index high) { return low + rng.below(high - low + 1); }
inline bool draw_bool(Rng& rng) { return rng.below(2) == 1; }

Shape draw_shape(Rng& rng, Size size, int least_rank = 0, int most_rank = 4);
// An axis of the shape, counted from the left or from the right.
int draw_axis(Rng& rng, const Shape& shape);
// A shape and an axis of it whose size is not 0.
struct ShapeAndAxis {
  Shape shape;
  int axis;
};
ShapeAndAxis draw_filled_axis(Rng& rng, Size size);
// A shape that broadcasts to `result`: some axes have size 1, and some leading axes are missing.
Shape draw_broadcastable(Rng& rng, const Shape& result);
// Two shapes that broadcast to a shape from draw_shape().
struct ShapePair {
  Shape a, b;
};
ShapePair draw_broadcast_pair(Rng& rng, Size size);

// The following functions return float64.
Tensor draw_values(Rng& rng, const Shape& shape, double low = -2, double high = 2);
// |x| between low and high: away from a kink or a pole at 0.
Tensor draw_nonzero(Rng& rng, const Shape& shape, double low = 0.1, double high = 2);
// All elements differ by at least 0.05.
Tensor draw_distinct(Rng& rng, const Shape& shape);
// 1 with probability `share`, else 0.
Tensor draw_mask(Rng& rng, const Shape& shape, double share);
// Integers in 0..n-1.
std::vector<std::int32_t> draw_indices(Rng& rng, Index count, Index n);

}  // namespace headlight::tests
