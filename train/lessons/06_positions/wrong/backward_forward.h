// expect: rotate_backward rotates forward
// A wrong answer to exercise 6.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

// direction: +1 rotates by the angles, -1 by their negatives.
inline std::vector<float> rotate_pairs(const std::vector<float>& x, int T, int D, int offset, int direction) {
  std::vector<float> y(x.size());
  for (int t = 0; t < T; ++t) {
    for (int i = 0; i < D / 2; ++i) {
      const double angle = (static_cast<double>(t) + offset) * std::pow(10000.0, -2.0 * i / D);
      const double cosine = std::cos(angle), sine = direction * std::sin(angle);
      const auto low = static_cast<std::size_t>(t * D + i), high = low + static_cast<std::size_t>(D / 2);
      y[low] = static_cast<float>(x[low] * cosine - x[high] * sine);
      y[high] = static_cast<float>(x[low] * sine + x[high] * cosine);
    }
  }
  return y;
}

inline std::vector<float> rotate(const std::vector<float>& x, int T, int D, int offset) {
  return rotate_pairs(x, T, D, offset, 1);
}

// Rotates dy by the positive angle.
inline std::vector<float> rotate_backward(const std::vector<float>& dy, int T, int D, int offset) {
  return rotate_pairs(dy, T, D, offset, 1);
}

inline float score(const std::vector<float>& q, const std::vector<float>& k, int distance) {
  const int D = static_cast<int>(q.size());
  const std::vector<float> a = distance >= 0 ? rotate(q, 1, D, distance) : q;
  const std::vector<float> b = distance >= 0 ? k : rotate(k, 1, D, -distance);
  double sum = 0;
  for (std::size_t d = 0; d < q.size(); ++d) sum += static_cast<double>(a[d]) * b[d];
  return static_cast<float>(sum / std::sqrt(static_cast<double>(D)));
}

}  // namespace headlight::exercise
