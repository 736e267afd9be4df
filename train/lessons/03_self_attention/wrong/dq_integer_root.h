// expect: divided by 2, the integer part of sqrt(5)
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "lessons/03_self_attention/matrix.h"

namespace headlight::lessons {

inline Matrix attention_scores(const Matrix& q, const Matrix& k) {
  Matrix scores(q.rows, k.rows);
  for (int t = 0; t < q.rows; ++t)
    for (int s = 0; s < k.rows; ++s) {
      for (int d = 0; d < q.columns; ++d) scores(t, s) += q(t, d) * k(s, d);
      scores(t, s) /= std::sqrt(static_cast<double>(q.columns));
    }
  return scores;
}

inline Matrix softmax_rows(const Matrix& scores) {
  Matrix weights(scores.rows, scores.columns);
  for (int t = 0; t < scores.rows; ++t) {
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int s = 0; s < scores.columns; ++s) largest = std::max(largest, scores(t, s));
    for (int s = 0; s < scores.columns; ++s) sum += weights(t, s) = std::exp(scores(t, s) - largest);
    for (int s = 0; s < scores.columns; ++s) weights(t, s) /= sum;
  }
  return weights;
}

inline Matrix attention_output(const Matrix& weights, const Matrix& v) {
  Matrix z(weights.rows, v.columns);
  for (int t = 0; t < weights.rows; ++t)
    for (int s = 0; s < v.rows; ++s)
      for (int e = 0; e < v.columns; ++e) z(t, e) += weights(t, s) * v(s, e);
  return z;
}

// dv = weights^T dz
inline Matrix grad_values(const Matrix& weights, const Matrix& dz) {
  Matrix dv(weights.columns, dz.columns);
  for (int t = 0; t < weights.rows; ++t)
    for (int s = 0; s < weights.columns; ++s)
      for (int e = 0; e < dz.columns; ++e) dv(s, e) += weights(t, s) * dz(t, e);
  return dv;
}

// dweights = dz v^T
inline Matrix grad_weights(const Matrix& dz, const Matrix& v) {
  Matrix dweights(dz.rows, v.rows);
  for (int t = 0; t < dz.rows; ++t)
    for (int s = 0; s < v.rows; ++s)
      for (int e = 0; e < v.columns; ++e) dweights(t, s) += dz(t, e) * v(s, e);
  return dweights;
}

inline Matrix softmax_backward(const Matrix& weights, const Matrix& dweights) {
  Matrix dscores(weights.rows, weights.columns);
  for (int t = 0; t < weights.rows; ++t) {
    double dot = 0;
    for (int s = 0; s < weights.columns; ++s) dot += weights(t, s) * dweights(t, s);
    for (int s = 0; s < weights.columns; ++s) dscores(t, s) = weights(t, s) * (dweights(t, s) - dot);
  }
  return dscores;
}

// dq = dscores k / sqrt(D)
inline Matrix grad_queries(const Matrix& dscores, const Matrix& k) {
  Matrix dq(dscores.rows, k.columns);
  const double scale = 1.0 / static_cast<int>(std::sqrt(k.columns));
  for (int t = 0; t < dscores.rows; ++t)
    for (int s = 0; s < k.rows; ++s)
      for (int d = 0; d < k.columns; ++d) dq(t, d) += scale * dscores(t, s) * k(s, d);
  return dq;
}

// dk = dscores^T q / sqrt(D)
inline Matrix grad_keys(const Matrix& dscores, const Matrix& q) {
  Matrix dk(dscores.columns, q.columns);
  const double scale = 1 / std::sqrt(static_cast<double>(q.columns));
  for (int t = 0; t < q.rows; ++t)
    for (int s = 0; s < dscores.columns; ++s)
      for (int d = 0; d < q.columns; ++d) dk(s, d) += scale * dscores(t, s) * q(t, d);
  return dk;
}

}  // namespace headlight::lessons
