// Reference softmax, log-softmax and cross-entropy, one row of n at a time, forward and backward.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/kernels.h"

namespace headlight::kernels::reference {

// x, mask, y: [n]; mask may be null. y_i = exp(x_i - m) / sum_j exp(x_j - m) over the elements with mask != 0.
//   1. m = max_i x_i, so that no exponential overflows
//   2. sum_j exp(x_j - m)
//   3. y_i
template <class T>
void softmax_row(Index n, const T* x, const T* mask, T* y) {
  const auto allowed = [&](Index i) { return !mask || mask[i] != T{0}; };
  T largest = -std::numeric_limits<T>::infinity();
  for (Index i = 0; i < n; ++i)
    if (allowed(i) && !(x[i] <= largest)) largest = x[i];  // !(<=) also selects NaN
  if (largest == -std::numeric_limits<T>::infinity()) {
    for (Index i = 0; i < n; ++i) y[i] = 0;
    return;
  }
  double sum = 0;
  for (Index i = 0; i < n; ++i)
    if (allowed(i)) sum += std::exp(static_cast<double>(x[i]) - static_cast<double>(largest));
  for (Index i = 0; i < n; ++i) {
    const double e = allowed(i) ? std::exp(static_cast<double>(x[i]) - static_cast<double>(largest)) / sum : 0;
    y[i] = static_cast<T>(e);
  }
}

// Given y = softmax(x) and dy = dL/dy, find dx = dL/dx; all [n].
//   y_i = e_i / S with e_i = exp(x_i) and S = sum_j e_j. The quotient rule gives the Jacobian
//     dy_i/dx_k = ([i == k] e_i S - e_i e_k) / S^2 = y_i ([i == k] - y_k)
//   and the chain rule sums over every output:
//     dx_k = sum_i dy_i y_i ([i == k] - y_k) = y_k (dy_k - sum_i y_i dy_i)
// The n x n Jacobian is never formed: one dot product replaces it (softmax: Bridle 1990).
//   1. dot = sum_i y_i dy_i
//   2. dx_k = y_k (dy_k - dot)
template <class T>
void softmax_backward_row(Index n, const T* y, const T* mask, const T* dy, T* dx) {
  const auto allowed = [&](Index i) { return !mask || mask[i] != T{0}; };
  double dot = 0;
  for (Index i = 0; i < n; ++i)
    if (allowed(i)) dot += static_cast<double>(y[i]) * static_cast<double>(dy[i]);
  for (Index i = 0; i < n; ++i)
    dx[i] = allowed(i) ? static_cast<T>(static_cast<double>(y[i]) * (static_cast<double>(dy[i]) - dot)) : T{0};
}

// x [n]. log sum_i exp(x_i) = m + log sum_i exp(x_i - m) for any m.
//   1. m = max_i x_i
//   2. log sum_i exp(x_i - m)
template <class T>
LogSumExp<double> logsumexp(Index n, const T* x) {
  T largest = x[0];
  for (Index i = 1; i < n; ++i)
    if (x[i] > largest || std::isnan(x[i])) largest = x[i];           // NaN stays
  if (std::isinf(largest)) return {static_cast<double>(largest), 0};  // all -inf, or one +inf
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i]) - static_cast<double>(largest));
  return {static_cast<double>(largest), std::log(sum)};
}

template <class T>
LogSumExp<T> logsumexp_row(Index n, const T* x) {
  const LogSumExp<double> lse = logsumexp(n, x);
  return {static_cast<T>(lse.largest), static_cast<T>(lse.log_sum)};
}

// x, y: [n]. y_i = x_i - log sum_j exp(x_j).
template <class T>
void log_softmax_row(Index n, const T* x, T* y) {
  if (n == 0) return;
  const LogSumExp<double> lse = logsumexp(n, x);
  for (Index i = 0; i < n; ++i) y[i] = static_cast<T>(static_cast<double>(x[i]) - lse.largest - lse.log_sum);
}

// Forward: y_i = x_i - log sum_j exp(x_j), so dy_i/dx_k = [i == k] - exp(y_k). y, dy, dx: [n].
//   1. sum = sum_i dy_i
//   2. dx_k = dy_k - exp(y_k) sum
template <class T>
void log_softmax_backward_row(Index n, const T* y, const T* dy, T* dx) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += static_cast<double>(dy[i]);
  for (Index i = 0; i < n; ++i)
    dx[i] = static_cast<T>(static_cast<double>(dy[i]) - std::exp(static_cast<double>(y[i])) * sum);
}

// Forward: L = g (log sum_j exp(x_j) - x_target), so dx_i = g (p_i - [i == target]) with p = softmax(x). x, dx: [n].
template <class T>
void cross_entropy_backward_row(Index n, const T* x, LogSumExp<T> lse, Index target, T g, T* dx) {
  for (Index i = 0; i < n; ++i) {
    const double p =
        std::exp(static_cast<double>(x[i]) - static_cast<double>(lse.largest) - static_cast<double>(lse.log_sum));
    dx[i] = static_cast<T>(static_cast<double>(g) * (p - (i == target ? 1.0 : 0.0)));
  }
}

}  // namespace headlight::kernels::reference
