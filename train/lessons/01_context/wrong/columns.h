// expect: the softmax runs over queries, not keys
// Each column is normalized instead of each row.
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
  for (int s = 0; s < keys; ++s) {
    float largest = -std::numeric_limits<float>::infinity(), sum = 0;
    const auto index = [&](int t) { return static_cast<std::size_t>(t * keys + s); };
    for (int t = 0; t < queries; ++t)
      if (mask[index(t)] != 0) largest = std::max(largest, scores[index(t)]);
    for (int t = 0; t < queries; ++t)
      if (mask[index(t)] != 0) sum += weights[index(t)] = std::exp(scores[index(t)] - largest);
    for (int t = 0; t < queries; ++t)
      if (mask[index(t)] != 0) weights[index(t)] /= sum;
  }
  return weights;
}

}  // namespace headlight::exercise
