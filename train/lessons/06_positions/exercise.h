// Exercise 6: rotary position encoding. Three short functions; the formulas are in the lesson's derivation.
//
// x [T,D] is row-major: element d of row t is x[t * D + d]. Row t stands at position t + offset. D is even. Pair i, for
// i = 0 .. D/2 - 1, consists of the elements i and i + D/2 of a row ("half-split"), and rotates by the angle
//
//   a = (t + offset) * 10000^(-2i/D)
//
//   y[i]       = x[i] cos a - x[i + D/2] sin a
//   y[i + D/2] = x[i] sin a + x[i + D/2] cos a
//
// Example, D = 2: rotate({1, 0}, 1, 2, 1) is {0.5403, 0.8415}, the point (cos 1, sin 1).
// Angles of distant positions are large: compute them in double.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

// x [T,D] -> y [T,D].
inline std::vector<float> rotate(const std::vector<float>& x, int T, int D, int offset) {
  (void)x, (void)T, (void)D, (void)offset;
  throw NotWritten("for each row t and each pair i: const double a = (t + offset) * std::pow(10000.0, -2.0 * i / D)");
}

// Given dL/dy [T,D] for y = rotate(x, T, D, offset), returns dL/dx [T,D].
inline std::vector<float> rotate_backward(const std::vector<float>& dy, int T, int D, int offset) {
  (void)dy, (void)T, (void)D, (void)offset;
  throw NotWritten("dx = R^T dy for the rotation matrix R of each pair: which rotation is R^T?");
}

// The attention score of query q [D] and key k [D]: their dot product after rotary encoding, divided by sqrt(D). The
// query stands `distance` positions after the key (before it, if `distance` is negative). The score depends on no other
// position, so rotate only one of the two. `rotate` takes no negative offset.
inline float score(const std::vector<float>& q, const std::vector<float>& k, int distance) {
  (void)q, (void)k, (void)distance;
  throw NotWritten("a query at position `distance` and a key at position 0 have that distance; then distance < 0");
}

}  // namespace headlight::exercise
