// Reference gate kernels of recurrent layers, for one row of n hidden units; src/ops/recurrent.cpp derives the
// formulas.
#pragma once

#include <cmath>

#include "kernels/kernels.h"

namespace headlight::kernels::reference {

inline double logistic(double x) { return 1 / (1 + std::exp(-x)); }

template <class T>
void lstm_gates(Index n, const T* bias, const T* c_before, T* gates, T* c, T* tanh_c, T* h) {
  for (Index j = 0; j < n; ++j) {
    const auto sum = [&](Index gate) { return static_cast<double>(gates[gate * n + j]) + bias[gate * n + j]; };
    const double i = logistic(sum(0)), f = logistic(sum(1)), g = std::tanh(sum(2)), o = logistic(sum(3));
    const double cell = f * c_before[j] + i * g, output = std::tanh(cell);
    gates[j] = static_cast<T>(i);
    gates[n + j] = static_cast<T>(f);
    gates[2 * n + j] = static_cast<T>(g);
    gates[3 * n + j] = static_cast<T>(o);
    c[j] = static_cast<T>(cell);
    tanh_c[j] = static_cast<T>(output);
    h[j] = static_cast<T>(o * output);
  }
}

template <class T>
void lstm_gates_backward(Index n, const T* gates, const T* c_before, const T* tanh_c, const T* dy, const T* dh, T* dc,
                         T* dgates) {
  for (Index j = 0; j < n; ++j) {
    const double i = gates[j], f = gates[n + j], g = gates[2 * n + j], o = gates[3 * n + j], t = tanh_c[j];
    const double sum = static_cast<double>(dy[j]) + dh[j], cell = dc[j] + sum * o * (1 - t * t);
    dgates[j] = static_cast<T>(cell * g * i * (1 - i));
    dgates[n + j] = static_cast<T>(cell * c_before[j] * f * (1 - f));
    dgates[2 * n + j] = static_cast<T>(cell * i * (1 - g * g));
    dgates[3 * n + j] = static_cast<T>(sum * t * o * (1 - o));
    dc[j] = static_cast<T>(cell * f);
  }
}

template <class T>
void gru_gates(Index n, const T* x, const T* bias, const T* h_before, T* gates, T* h) {
  for (Index j = 0; j < n; ++j) {
    const auto sum = [&](Index gate) { return static_cast<double>(gates[gate * n + j]) + bias[gate * n + j]; };
    const double r = logistic(x[j] + sum(0)), z = logistic(x[n + j] + sum(1)), q = sum(2);
    const double candidate = std::tanh(x[2 * n + j] + r * q);
    gates[j] = static_cast<T>(r);
    gates[n + j] = static_cast<T>(z);
    gates[2 * n + j] = static_cast<T>(q);
    gates[3 * n + j] = static_cast<T>(candidate);
    h[j] = static_cast<T>((1 - z) * candidate + z * h_before[j]);
  }
}

template <class T>
void gru_gates_backward(Index n, const T* gates, const T* h_before, const T* dy, T* dh, T* dx, T* dproduct) {
  for (Index j = 0; j < n; ++j) {
    const double r = gates[j], z = gates[n + j], q = gates[2 * n + j], candidate = gates[3 * n + j];
    const double sum = static_cast<double>(dy[j]) + dh[j];
    const double dn = sum * (1 - z) * (1 - candidate * candidate);
    const double dr = dn * q * r * (1 - r), dz = sum * (h_before[j] - candidate) * z * (1 - z);
    dx[j] = dproduct[j] = static_cast<T>(dr);
    dx[n + j] = dproduct[n + j] = static_cast<T>(dz);
    dx[2 * n + j] = static_cast<T>(dn);
    dproduct[2 * n + j] = static_cast<T>(dn * r);
    dh[j] = static_cast<T>(sum * z);
  }
}

}  // namespace headlight::kernels::reference
