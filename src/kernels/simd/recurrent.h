// Gate kernels of recurrent layers over a vector type V, for one row of n hidden units; src/ops/recurrent.cpp derives
// the formulas. One pass computes all gates of a unit, so that no intermediate result leaves the registers.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd/loop.h"
#include "kernels/simd/math.h"

namespace headlight::kernels {

template <class V>
void simd_lstm_gates(Index n, const float* bias, const float* c_before, float* gates, float* c, float* tanh_c,
                     float* h) {
  for_vectors<V>(n, [&](Index j, auto lanes) {
    const auto sum = [&](Index gate) {
      return V::load(gates + gate * n + j, lanes) + V::load(bias + gate * n + j, lanes);
    };
    const V i = sigmoid(sum(0)), f = sigmoid(sum(1)), g = tanh(sum(2)), o = sigmoid(sum(3));
    const V cell = V::fma(f, V::load(c_before + j, lanes), i * g), output = tanh(cell);
    i.store(gates + j, lanes);
    f.store(gates + n + j, lanes);
    g.store(gates + 2 * n + j, lanes);
    o.store(gates + 3 * n + j, lanes);
    cell.store(c + j, lanes);
    output.store(tanh_c + j, lanes);
    (o * output).store(h + j, lanes);
  });
}

template <class V>
void simd_lstm_gates_backward(Index n, const float* gates, const float* c_before, const float* tanh_c, const float* dy,
                              const float* dh, float* dc, float* dgates) {
  const V one = V::set(1.0f);
  for_vectors<V>(n, [&](Index j, auto lanes) {
    const auto load = [&](const float* p) { return V::load(p + j, lanes); };
    const V i = load(gates), f = load(gates + n), g = load(gates + 2 * n), o = load(gates + 3 * n);
    const V t = load(tanh_c), sum = load(dy) + load(dh);
    const V cell = V::fma(sum * o, V::fnma(t, t, one), load(dc));
    (cell * g * i * (one - i)).store(dgates + j, lanes);
    (cell * load(c_before) * f * (one - f)).store(dgates + n + j, lanes);
    (cell * i * V::fnma(g, g, one)).store(dgates + 2 * n + j, lanes);
    (sum * t * o * (one - o)).store(dgates + 3 * n + j, lanes);
    (cell * f).store(dc + j, lanes);
  });
}

template <class V>
void simd_gru_gates(Index n, const float* x, const float* bias, const float* h_before, float* gates, float* h) {
  for_vectors<V>(n, [&](Index j, auto lanes) {
    const auto sum = [&](Index gate) {
      return V::load(gates + gate * n + j, lanes) + V::load(bias + gate * n + j, lanes);
    };
    const auto load_x = [&](Index gate) { return V::load(x + gate * n + j, lanes); };
    const V r = sigmoid(load_x(0) + sum(0)), z = sigmoid(load_x(1) + sum(1)), q = sum(2);
    const V candidate = tanh(V::fma(r, q, load_x(2)));
    r.store(gates + j, lanes);
    z.store(gates + n + j, lanes);
    q.store(gates + 2 * n + j, lanes);
    candidate.store(gates + 3 * n + j, lanes);
    // (1 - z) n + z h = n + z (h - n)
    V::fma(z, V::load(h_before + j, lanes) - candidate, candidate).store(h + j, lanes);
  });
}

template <class V>
void simd_gru_gates_backward(Index n, const float* gates, const float* h_before, const float* dy, float* dh, float* dx,
                             float* dproduct) {
  const V one = V::set(1.0f);
  for_vectors<V>(n, [&](Index j, auto lanes) {
    const auto load = [&](const float* p) { return V::load(p + j, lanes); };
    const V r = load(gates), z = load(gates + n), q = load(gates + 2 * n), candidate = load(gates + 3 * n);
    const V sum = load(dy) + load(dh);
    const V dn = sum * (one - z) * V::fnma(candidate, candidate, one);
    const V dr = dn * q * r * (one - r), dz = sum * (load(h_before) - candidate) * z * (one - z);
    dr.store(dx + j, lanes);
    dr.store(dproduct + j, lanes);
    dz.store(dx + n + j, lanes);
    dz.store(dproduct + n + j, lanes);
    dn.store(dx + 2 * n + j, lanes);
    (dn * r).store(dproduct + 2 * n + j, lanes);
    (sum * z).store(dh + j, lanes);
  });
}

}  // namespace headlight::kernels
