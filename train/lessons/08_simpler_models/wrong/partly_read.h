// expect: After W tokens all W rows are in use
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

class WindowAttention {
 public:
  WindowAttention(std::size_t D, std::size_t W) : row_size_(D), window_(W), keys_(W * D), values_(W * D), weights_(W) {}

  std::vector<float> next(const std::vector<float>& q, const std::vector<float>& k, const std::vector<float>& v) {
    const std::size_t start = tokens_ % window_ * row_size_;
    std::copy(k.begin(), k.end(), keys_.begin() + static_cast<std::ptrdiff_t>(start));
    std::copy(v.begin(), v.end(), values_.begin() + static_cast<std::ptrdiff_t>(start));
    ++tokens_;

    const std::size_t rows = (tokens_ - 1) % window_ + 1;
    for (std::size_t row = 0; row < rows; ++row) {
      weights_[row] = 0;
      for (std::size_t d = 0; d < row_size_; ++d) weights_[row] += q[d] * keys_[row * row_size_ + d];
      weights_[row] /= std::sqrt(static_cast<float>(row_size_));
    }
    float largest = weights_[0], sum = 0;
    for (std::size_t row = 1; row < rows; ++row) largest = std::max(largest, weights_[row]);
    for (std::size_t row = 0; row < rows; ++row) sum += weights_[row] = std::exp(weights_[row] - largest);

    std::vector<float> z(row_size_);
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t d = 0; d < row_size_; ++d) z[d] += weights_[row] / sum * values_[row * row_size_ + d];
    return z;
  }

  std::size_t stored() const { return std::min(tokens_, window_); }

 private:
  std::size_t row_size_, window_, tokens_ = 0;
  std::vector<float> keys_, values_;  // [W,D]: token t is in row t % W
  std::vector<float> weights_;        // [W], scratch
};

}  // namespace headlight::exercise
