// Products of a matrix and one vector, as plain loops: part of the reference table (reference.cpp).
#pragma once

#include "kernels/kernels.h"

namespace headlight::kernels {

template <class T>
void reference_matvec(Index rows, Index n, const T* w, const T* x, const T* bias, T* y) {
  for (Index r = 0; r < rows; ++r) {
    double sum = 0;
    for (Index i = 0; i < n; ++i) sum += static_cast<double>(w[r * n + i]) * static_cast<double>(x[i]);
    y[r] = static_cast<T>(bias ? sum + static_cast<double>(bias[r]) : sum);
  }
}

template <class T>
void reference_matvec_int8(Index rows, Index n, const std::int8_t* w, const T* scales, const T* x, const T* bias,
                           T* y) {
  const Index groups = (n + kInt8Group - 1) / kInt8Group;
  for (Index r = 0; r < rows; ++r) {
    double sum = 0;
    for (Index i = 0; i < n; ++i)
      sum += static_cast<double>(scales[r * groups + i / kInt8Group]) *
             static_cast<double>(w[r * groups * kInt8Group + i]) * static_cast<double>(x[i]);
    y[r] = static_cast<T>(bias ? sum + static_cast<double>(bias[r]) : sum);
  }
}

template <class T>
void reference_vecmat(Index m, Index n, const T* x, const T* a, Index ld, T* y) {
  for (Index j = 0; j < n; ++j) {
    double sum = 0;
    for (Index i = 0; i < m; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(a[i * ld + j]);
    y[j] = static_cast<T>(sum);
  }
}

}  // namespace headlight::kernels
