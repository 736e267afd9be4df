// expect: this is E[x²y²]; subtract E[xy]²
// E[x²y²] without subtracting E[xy]².
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "lessons/03_self_attention/matrix.h"

namespace headlight::lessons {

struct Entries {
  double mean, variance;
};

// With E[x²] = v + m²: E[x²] E[y²] = (v_x + m_x²)(v_y + m_y²).
inline double product_variance(const Entries& x, const Entries& y) {
  return (x.variance + x.mean * x.mean) * (y.variance + y.mean * y.mean);
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

// w ln w tends to 0 as w tends to 0.
inline double effective_number(const std::vector<double>& weights) {
  double entropy = 0;
  for (const double w : weights)
    if (w > 0) entropy -= w * std::log(w);
  return std::exp(entropy);
}

}  // namespace headlight::lessons
