// expect: although the head's score is 0
// A head that never attends to its role is taken for a role without queries.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

inline double score(const std::vector<float>& A, const std::vector<float>& R, int T) {
  double sum = 0;
  int eligible = 0;
  for (int t = 0; t < T; ++t) {
    bool has_key = false;
    for (int j = 0; j <= t; ++j) {
      const auto at = static_cast<std::size_t>(t * T + j);
      sum += static_cast<double>(A[at]) * R[at];
      has_key = has_key || R[at] != 0;
    }
    eligible += has_key;
  }
  return eligible == 0 ? 0 : sum / eligible;
}

inline double chance(const std::vector<float>& R, int T) {
  std::vector<float> uniform(R.size(), 0);
  for (int t = 0; t < T; ++t)
    for (int j = 0; j <= t; ++j) uniform[static_cast<std::size_t>(t * T + j)] = 1 / static_cast<float>(t + 1);
  return score(uniform, R, T);
}

inline double kappa(const std::vector<float>& A, const std::vector<float>& R, int T) {
  const double s0 = chance(R, T);
  if (score(A, R, T) == 0 || s0 > 1 - 1e-6)
    return std::numeric_limits<double>::quiet_NaN();  // a score of 0 does not mean that no query is eligible
  return (score(A, R, T) - s0) / (1 - s0);
}

inline std::vector<float> mean_ablate(const std::vector<float>& z, int B, int H, int T, int D, int h) {
  std::vector<float> ablated = z;
  for (int t = 0; t < T; ++t) {
    for (int d = 0; d < D; ++d) {
      const auto at = [&](int b) { return static_cast<std::size_t>(((b * H + h) * T + t) * D + d); };
      double sum = 0;
      for (int b = 0; b < B; ++b) sum += z[at(b)];
      for (int b = 0; b < B; ++b) ablated[at(b)] = static_cast<float>(sum / B);
    }
  }
  return ablated;
}

}  // namespace headlight::exercise
