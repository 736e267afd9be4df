// Layer norm and RMS norm over a vector type V, forward and backward; the formulas are derived in reference/norm.h.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd/loop.h"

namespace headlight::kernels {

template <class V>
void simd_layer_norm(Index rows, Index n, const float* x, const float* gamma, const float* beta, float eps, float* y,
                     float* mean, float* rstd) {
  const float count = static_cast<float>(n);
  for (Index r = 0; r < rows; ++r, x += n, y += n) {
    // Two passes: var = mean((x - mean)^2). The one-pass form mean(x^2) - mean^2 cancels when the mean is large.
    const float average = sum_terms<V>(n, [&](Index i, auto lanes) { return V::load(x + i, lanes); }) / count;
    const V center = V::set(average);
    const float squares = sum_terms<V>(n, [&](Index i, auto lanes) {
      const V d = V::load(x + i, lanes) - center;
      return d * d;
    });
    const float inverse = 1 / __builtin_sqrtf(squares / count + eps);
    const V factor = V::set(inverse);
    for_vectors<V>(n, [&](Index i, auto lanes) {
      const V normal = (V::load(x + i, lanes) - center) * factor;
      V::fma(V::load(gamma + i, lanes), normal, V::load(beta + i, lanes)).store(y + i, lanes);
    });
    mean[r] = average;
    rstd[r] = inverse;
  }
}

template <class V>
void simd_layer_norm_backward(Index rows, Index n, const float* x, const float* gamma, const float* mean,
                              const float* rstd, const float* dy, float* dx, float* dgamma, float* dbeta) {
  const float count = static_cast<float>(n);
  for (Index r = 0; r < rows; ++r, x += n, dy += n, dx += n) {
    const V center = V::set(mean[r]), factor = V::set(rstd[r]);
    const auto normal = [&](Index i, auto lanes) { return (V::load(x + i, lanes) - center) * factor; };
    const auto h = [&](Index i, auto lanes) { return V::load(dy + i, lanes) * V::load(gamma + i, lanes); };
    const V average_h = V::set(sum_terms<V>(n, h) / count);
    const V average_hx =
        V::set(sum_terms<V>(n, [&](Index i, auto lanes) { return h(i, lanes) * normal(i, lanes); }) / count);
    for_vectors<V>(n, [&](Index i, auto lanes) {
      const V d = V::load(dy + i, lanes), xhat = normal(i, lanes);
      V::fma(d, xhat, V::load(dgamma + i, lanes)).store(dgamma + i, lanes);
      (V::load(dbeta + i, lanes) + d).store(dbeta + i, lanes);
      (factor * V::fnma(xhat, average_hx, h(i, lanes) - average_h)).store(dx + i, lanes);
    });
  }
}

template <class V>
void simd_rms_norm(Index rows, Index n, const float* x, const float* gamma, float eps, float* y, float* rstd) {
  const float count = static_cast<float>(n);
  for (Index r = 0; r < rows; ++r, x += n, y += n) {
    const float squares = sum_terms<V>(n, [&](Index i, auto lanes) {
      const V a = V::load(x + i, lanes);
      return a * a;
    });
    const float inverse = 1 / __builtin_sqrtf(squares / count + eps);
    const V factor = V::set(inverse);
    for_vectors<V>(n, [&](Index i, auto lanes) {
      (V::load(gamma + i, lanes) * (V::load(x + i, lanes) * factor)).store(y + i, lanes);
    });
    rstd[r] = inverse;
  }
}

template <class V>
void simd_rms_norm_backward(Index rows, Index n, const float* x, const float* gamma, const float* rstd, const float* dy,
                            float* dx, float* dgamma) {
  const float count = static_cast<float>(n);
  for (Index r = 0; r < rows; ++r, x += n, dy += n, dx += n) {
    const V factor = V::set(rstd[r]);
    const auto normal = [&](Index i, auto lanes) { return V::load(x + i, lanes) * factor; };
    const auto h = [&](Index i, auto lanes) { return V::load(dy + i, lanes) * V::load(gamma + i, lanes); };
    // With xhat = x rstd: dx = rstd (h - xhat average(h xhat)).
    const V average_hx =
        V::set(sum_terms<V>(n, [&](Index i, auto lanes) { return h(i, lanes) * normal(i, lanes); }) / count);
    for_vectors<V>(n, [&](Index i, auto lanes) {
      const V xhat = normal(i, lanes);
      V::fma(V::load(dy + i, lanes), xhat, V::load(dgamma + i, lanes)).store(dgamma + i, lanes);
      (factor * V::fnma(xhat, average_hx, h(i, lanes))).store(dx + i, lanes);
    });
  }
}

}  // namespace headlight::kernels
