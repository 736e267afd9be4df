// Softmax, log-softmax and cross-entropy over a vector type V, one row at a time; derivations are in reference/rows.h.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd/loop.h"
#include "kernels/simd/math.h"

namespace headlight::kernels {

// x, mask, y: [n].
//   1. largest = max_i x_i
//   2. y_i = exp(x_i - largest), and their sum
//   3. y_i /= sum
// Elements whose mask is 0 are excluded from all three passes.
template <class V, bool kMasked>
void softmax_passes(Index n, const float* x, const float* mask, float* y) {
  const V lowest = V::set(-__builtin_inff());
  const auto absent = [&](Index i, auto lanes) { return V::load(mask + i, lanes) == V::zero(); };
  const float largest = max_value<V>(n, [&](Index i, auto lanes) {
    const V value = V::load(x + i, lanes);
    if constexpr (kMasked) return V::select(absent(i, lanes), lowest, value);
    else return value;
  });
  if (largest == -__builtin_inff()) {  // no element left
    for_vectors<V>(n, [&](Index i, auto lanes) { V::zero().store(y + i, lanes); });
    return;
  }
  const V shift = V::set(largest);
  const float sum = sum_terms<V>(n, [&](Index i, auto lanes) {
    V e = exp(V::load(x + i, lanes) - shift);
    if constexpr (kMasked) e = V::select(absent(i, lanes), V::zero(), e);
    e.store(y + i, lanes);
    return e;
  });
  const V inverse = V::set(1 / sum);
  for_vectors<V>(n, [&](Index i, auto lanes) {
    V p = V::load(y + i, lanes) * inverse;
    // Excluded elements stay 0 even if the row holds a NaN or inf.
    if constexpr (kMasked) p = V::select(absent(i, lanes), V::zero(), p);
    p.store(y + i, lanes);
  });
}

template <class V>
void simd_softmax_row(Index n, const float* x, const float* mask, float* y) {
  if (mask) softmax_passes<V, true>(n, x, mask, y);
  else softmax_passes<V, false>(n, x, mask, y);
}

template <class V, bool kMasked>
void softmax_backward_passes(Index n, const float* y, const float* mask, const float* dy, float* dx) {
  // Select 0 instead of relying on y = 0: 0 times an infinite dy is NaN.
  const auto present = [&](V value, Index i, auto lanes) {
    if constexpr (kMasked) return V::select(V::load(mask + i, lanes) == V::zero(), V::zero(), value);
    else return value;
  };
  const V dot = V::set(sum_terms<V>(
      n, [&](Index i, auto lanes) { return present(V::load(y + i, lanes) * V::load(dy + i, lanes), i, lanes); }));
  for_vectors<V>(n, [&](Index i, auto lanes) {
    present(V::load(y + i, lanes) * (V::load(dy + i, lanes) - dot), i, lanes).store(dx + i, lanes);
  });
}

template <class V>
void simd_softmax_backward_row(Index n, const float* y, const float* mask, const float* dy, float* dx) {
  if (mask) softmax_backward_passes<V, true>(n, y, mask, dy, dx);
  else softmax_backward_passes<V, false>(n, y, mask, dy, dx);
}

template <class V>
LogSumExp<float> simd_logsumexp_row(Index n, const float* x) {
  const float largest = max_value<V>(n, [&](Index i, auto lanes) { return V::load(x + i, lanes); });
  if (largest - largest != 0) return {largest, 0};  // all -inf, or one +inf, or NaN
  const V shift = V::set(largest);
  const float sum = sum_terms<V>(n, [&](Index i, auto lanes) { return exp(V::load(x + i, lanes) - shift); });
  float rest[V::kLanes];
  log(V::set(sum)).store(rest);
  return {largest, rest[0]};
}

template <class V>
void simd_log_softmax_row(Index n, const float* x, float* y) {
  const LogSumExp<float> lse = simd_logsumexp_row<V>(n, x);
  const V largest = V::set(lse.largest), log_sum = V::set(lse.log_sum);
  for_vectors<V>(n, [&](Index i, auto lanes) { (V::load(x + i, lanes) - largest - log_sum).store(y + i, lanes); });
}

template <class V>
void simd_log_softmax_backward_row(Index n, const float* y, const float* dy, float* dx) {
  const V sum = V::set(sum_terms<V>(n, [&](Index i, auto lanes) { return V::load(dy + i, lanes); }));
  for_vectors<V>(n, [&](Index i, auto lanes) {
    V::fnma(exp(V::load(y + i, lanes)), sum, V::load(dy + i, lanes)).store(dx + i, lanes);
  });
}

template <class V>
void simd_cross_entropy_backward_row(Index n, const float* x, LogSumExp<float> lse, Index target, float g, float* dx) {
  const V largest = V::set(lse.largest), log_sum = V::set(lse.log_sum), factor = V::set(g);
  const float at_target = target >= 0 && target < n ? x[target] : 0;  // read first: dx may be x
  for_vectors<V>(
      n, [&](Index i, auto lanes) { (factor * exp(V::load(x + i, lanes) - largest - log_sum)).store(dx + i, lanes); });
  if (target < 0 || target >= n) return;
  float p[V::kLanes];
  exp(V::set(at_target) - largest - log_sum).store(p);
  dx[target] = g * (p[0] - 1);
}

}  // namespace headlight::kernels
