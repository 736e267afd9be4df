// Reference layer norm and RMS norm over rows of n, forward and backward.
#pragma once

#include <cmath>

#include "kernels/kernels.h"

namespace headlight::kernels::reference {

// x, y: [rows,n]; gamma, beta: [n]; mean, rstd: [rows]. For each row:
//   1. mean = sum_i x_i / n
//   2. rstd = 1 / sqrt(sum_i (x_i - mean)^2 / n + eps)
//   3. xhat_i = (x_i - mean) rstd,  y_i = gamma_i xhat_i + beta_i
template <class T>
void layer_norm(Index rows, Index n, const T* x, const T* gamma, const T* beta, T eps, T* y, T* mean, T* rstd) {
  for (Index r = 0; r < rows; ++r, x += n, y += n) {
    double sum = 0, squares = 0;
    for (Index i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
    const double average = sum / static_cast<double>(n);
    for (Index i = 0; i < n; ++i) {
      const double d = static_cast<double>(x[i]) - average;
      squares += d * d;
    }
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(eps));
    for (Index i = 0; i < n; ++i) {
      const double xhat = (static_cast<double>(x[i]) - average) * inverse;
      y[i] = static_cast<T>(static_cast<double>(gamma[i]) * xhat + static_cast<double>(beta[i]));
    }
    mean[r] = static_cast<T>(average);
    rstd[r] = static_cast<T>(inverse);
  }
}

// x, dy, dx: [rows,n]; gamma, dgamma, dbeta: [n]; mean, rstd: [rows].
// Forward: xhat_i = (x_i - mean) rstd,  y_i = gamma_i xhat_i + beta_i (Ba et al. 2016).
// With h_i = dL/dxhat_i = gamma_i dy_i:
//   dmean/dx_k = 1/n, and drstd/dx_k = -rstd^3 (x_k - mean) / n = -rstd^2 xhat_k / n, so
//   dxhat_i/dx_k = rstd ([i == k] - 1/n) + (x_i - mean) drstd/dx_k = rstd ([i == k] - 1/n - xhat_i xhat_k / n)
//   dx_k = sum_i h_i dxhat_i/dx_k = rstd (h_k - average(h) - xhat_k average(h xhat))
// The subtracted terms remove the parts of h along the all-ones vector and along xhat: y does not change when x is
// shifted, nor (up to eps) when x is scaled.
//   1. average(h) and average(h xhat) over the row
//   2. dgamma_i += dy_i xhat_i,  dbeta_i += dy_i,  dx_i as above
template <class T>
void layer_norm_backward(Index rows, Index n, const T* x, const T* gamma, const T* mean, const T* rstd, const T* dy,
                         T* dx, T* dgamma, T* dbeta) {
  for (Index r = 0; r < rows; ++r, x += n, dy += n, dx += n) {
    const auto xhat = [&](Index i) {
      return (static_cast<double>(x[i]) - static_cast<double>(mean[r])) * static_cast<double>(rstd[r]);
    };
    const auto h = [&](Index i) { return static_cast<double>(dy[i]) * static_cast<double>(gamma[i]); };
    double average_h = 0, average_hx = 0;
    for (Index i = 0; i < n; ++i) {
      average_h += h(i);
      average_hx += h(i) * xhat(i);
    }
    average_h /= static_cast<double>(n);
    average_hx /= static_cast<double>(n);
    for (Index i = 0; i < n; ++i) {
      dgamma[i] = static_cast<T>(static_cast<double>(dgamma[i]) + static_cast<double>(dy[i]) * xhat(i));
      dbeta[i] += dy[i];
      dx[i] = static_cast<T>(static_cast<double>(rstd[r]) * (h(i) - average_h - xhat(i) * average_hx));
    }
  }
}

// x, y: [rows,n]; gamma: [n]; rstd: [rows]. For each row (Zhang and Sennrich 2019):
//   1. rstd = 1 / sqrt(sum_i x_i^2 / n + eps)
//   2. y_i = gamma_i x_i rstd
template <class T>
void rms_norm(Index rows, Index n, const T* x, const T* gamma, T eps, T* y, T* rstd) {
  for (Index r = 0; r < rows; ++r, x += n, y += n) {
    double squares = 0;
    for (Index i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(eps));
    for (Index i = 0; i < n; ++i)
      y[i] = static_cast<T>(static_cast<double>(gamma[i]) * static_cast<double>(x[i]) * inverse);
    rstd[r] = static_cast<T>(inverse);
  }
}

// Forward: y_i = gamma_i x_i rstd. With h_i = gamma_i dy_i and drstd/dx_k = -rstd^3 x_k / n:
//   1. average(h x) over the row
//   2. dgamma_i += dy_i x_i rstd,  dx_i = rstd (h_i - x_i rstd^2 average(h x))
template <class T>
void rms_norm_backward(Index rows, Index n, const T* x, const T* gamma, const T* rstd, const T* dy, T* dx, T* dgamma) {
  for (Index r = 0; r < rows; ++r, x += n, dy += n, dx += n) {
    const double inverse = static_cast<double>(rstd[r]);
    double average_hx = 0;
    for (Index i = 0; i < n; ++i)
      average_hx += static_cast<double>(dy[i]) * static_cast<double>(gamma[i]) * static_cast<double>(x[i]);
    average_hx /= static_cast<double>(n);
    for (Index i = 0; i < n; ++i) {
      const double h = static_cast<double>(dy[i]) * static_cast<double>(gamma[i]);
      const double xi = static_cast<double>(x[i]);
      dgamma[i] = static_cast<T>(static_cast<double>(dgamma[i]) + static_cast<double>(dy[i]) * xi * inverse);
      dx[i] = static_cast<T>(inverse * (h - xi * inverse * inverse * average_hx));
    }
  }
}

}  // namespace headlight::kernels::reference
