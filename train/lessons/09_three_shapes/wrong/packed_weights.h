// expect: row t begins at t * S
// Rows of `length` weights instead of S.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

struct Sizes {
  int T, S, D, E;
};

inline std::vector<float> cross_weights(const std::vector<float>& q, const std::vector<float>& k, const Sizes& n,
                                        int length) {
  std::vector<float> weights(static_cast<std::size_t>(n.T * n.S), 0);
  for (int t = 0; t < n.T; ++t) {
    float* const row = weights.data() + t * length;
    float largest = -std::numeric_limits<float>::infinity(), sum = 0;
    for (int s = 0; s < length; ++s) {
      for (int d = 0; d < n.D; ++d)
        row[s] += q[static_cast<std::size_t>(t * n.D + d)] * k[static_cast<std::size_t>(s * n.D + d)];
      row[s] /= std::sqrt(static_cast<float>(n.D));
      largest = std::max(largest, row[s]);
    }
    for (int s = 0; s < length; ++s) sum += row[s] = std::exp(row[s] - largest);
    for (int s = 0; s < length; ++s) row[s] /= sum;
  }
  return weights;
}

inline std::vector<float> cross_output(const std::vector<float>& weights, const std::vector<float>& v, const Sizes& n,
                                       int length) {
  std::vector<float> z(static_cast<std::size_t>(n.T * n.E), 0);
  for (int t = 0; t < n.T; ++t)
    for (int s = 0; s < length; ++s)
      for (int e = 0; e < n.E; ++e)
        z[static_cast<std::size_t>(t * n.E + e)] +=
            weights[static_cast<std::size_t>(t * length + s)] * v[static_cast<std::size_t>(s * n.E + e)];
  return z;
}

}  // namespace headlight::exercise
