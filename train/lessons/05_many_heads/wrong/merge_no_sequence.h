// expect: the index of y lacks b
#pragma once

#include <cstddef>
#include <stdexcept>
#include <vector>

namespace headlight::lessons {

inline std::vector<float> split_heads(const std::vector<float>& x, std::size_t B, std::size_t T, std::size_t C,
                                      std::size_t H) {
  if (H == 0 || C % H != 0) throw std::invalid_argument("split_heads: H does not divide C; choose another H");
  const std::size_t D = C / H;
  std::vector<float> y(x.size());
  for (std::size_t b = 0; b < B; ++b)
    for (std::size_t h = 0; h < H; ++h)
      for (std::size_t t = 0; t < T; ++t)
        for (std::size_t d = 0; d < D; ++d) y[((b * H + h) * T + t) * D + d] = x[(b * T + t) * C + h * D + d];
  return y;
}

inline std::vector<float> merge_heads(const std::vector<float>& y, std::size_t B, std::size_t H, std::size_t T,
                                      std::size_t D) {
  std::vector<float> x(y.size());
  for (std::size_t b = 0; b < B; ++b)
    for (std::size_t h = 0; h < H; ++h)
      for (std::size_t t = 0; t < T; ++t)
        for (std::size_t d = 0; d < D; ++d) x[(b * T + t) * (H * D) + h * D + d] = y[(h * T + t) * D + d];
  return x;
}

}  // namespace headlight::lessons
