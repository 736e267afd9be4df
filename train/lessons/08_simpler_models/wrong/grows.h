// expect: overwrite row t % W instead of adding rows
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

class WindowAttention {
 public:
  WindowAttention(std::size_t D, std::size_t W) : row_size_(D), window_(W), weights_(W) {}

  std::vector<float> next(const std::vector<float>& q, const std::vector<float>& k, const std::vector<float>& v) {
    keys_.insert(keys_.end(), k.begin(), k.end());
    values_.insert(values_.end(), v.begin(), v.end());
    ++tokens_;

    const std::size_t rows = stored(), first = tokens_ - rows;
    for (std::size_t row = 0; row < rows; ++row) {
      weights_[row] = 0;
      for (std::size_t d = 0; d < row_size_; ++d) weights_[row] += q[d] * keys_[(first + row) * row_size_ + d];
      weights_[row] /= std::sqrt(static_cast<float>(row_size_));
    }
    float largest = weights_[0], sum = 0;
    for (std::size_t row = 1; row < rows; ++row) largest = std::max(largest, weights_[row]);
    for (std::size_t row = 0; row < rows; ++row) sum += weights_[row] = std::exp(weights_[row] - largest);

    std::vector<float> z(row_size_);
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t d = 0; d < row_size_; ++d) z[d] += weights_[row] / sum * values_[(first + row) * row_size_ + d];
    return z;
  }

  std::size_t stored() const { return std::min(tokens_, window_); }

 private:
  std::size_t row_size_, window_, tokens_ = 0;
  std::vector<float> keys_, values_;  // [T,D], all tokens
  std::vector<float> weights_;        // [W], scratch
};

}  // namespace headlight::exercise
