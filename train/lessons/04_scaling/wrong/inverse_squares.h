// expect: 1 / (sum of squares) is another measure of spread
// Another effective number: 1 / sum of w². It agrees with both examples.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "lessons/03_self_attention/matrix.h"

namespace headlight::lessons {

struct Entries {
  double mean, variance;
};

// With E[x²] = v + m²: (v_x + m_x²)(v_y + m_y²) - m_x² m_y² = v_x v_y + v_x m_y² + v_y m_x².
inline double product_variance(const Entries& x, const Entries& y) {
  return x.variance * y.variance + x.variance * y.mean * y.mean + y.variance * x.mean * x.mean;
}

// Variances of independent terms add up.
inline double score_variance(int d, const Entries& q, const Entries& k) { return d * product_variance(q, k); }

inline double score_divisor(int d, const Entries& q, const Entries& k) { return std::sqrt(score_variance(d, q, k)); }

inline Matrix attention_weights(const Matrix& q, const Matrix& k, double divisor) {
  Matrix weights(q.rows, k.rows);
  for (int t = 0; t < q.rows; ++t) {
    for (int s = 0; s < k.rows; ++s) {
      for (int d = 0; d < q.columns; ++d) weights(t, s) += q(t, d) * k(s, d);
      weights(t, s) /= divisor;
    }
    double largest = weights(t, 0), sum = 0;
    for (int s = 0; s < k.rows; ++s) largest = std::max(largest, weights(t, s));
    for (int s = 0; s < k.rows; ++s) sum += weights(t, s) = std::exp(weights(t, s) - largest);
    for (int s = 0; s < k.rows; ++s) weights(t, s) /= sum;
  }
  return weights;
}

inline double effective_number(const std::vector<double>& weights) {
  double entropy = 0;
  for (const double w : weights) entropy += w * w;
  return 1 / entropy;
}

}  // namespace headlight::lessons
