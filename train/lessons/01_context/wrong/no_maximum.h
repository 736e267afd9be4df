// expect: subtract the row's largest visible score first
// The exponentials overflow.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

inline std::vector<float> causal_mask(int queries, int keys) {
  std::vector<float> mask;
  for (int t = 0; t < queries; ++t)
    for (int s = 0; s < keys; ++s) mask.push_back(s <= t + keys - queries ? 1 : 0);
  return mask;
}

inline std::vector<float> masked_softmax(const std::vector<float>& scores, const std::vector<float>& mask, int queries,
                                         int keys) {
  std::vector<float> weights(scores.size(), 0);
  for (int t = 0; t < queries; ++t) {
    const std::size_t row = static_cast<std::size_t>(t) * static_cast<std::size_t>(keys);
    const std::size_t end = row + static_cast<std::size_t>(keys);
    float largest = -std::numeric_limits<float>::infinity();  // over the visible keys only
    for (std::size_t i = row; i < end; ++i)
      if (mask[i] != 0) largest = std::max(largest, scores[i]);
    float sum = 0;
    for (std::size_t i = row; i < end; ++i)
      if (mask[i] != 0) sum += weights[i] = std::exp(scores[i]);  // can overflow
    for (std::size_t i = row; i < end; ++i)
      if (mask[i] != 0) weights[i] /= sum;
  }
  return weights;
}

}  // namespace headlight::exercise
