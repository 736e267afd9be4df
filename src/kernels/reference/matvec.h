// Reference products of a matrix and one vector, float32 and int8 weights: plain loops, sums in double.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace headlight::kernels::reference {

// w [rows,n], x [n], bias [rows] or null, y [rows].
template <class T>
void matvec(Index rows, Index n, const T* w, const T* x, const T* bias, T* y) {
  for (Index r = 0; r < rows; ++r) {
    double sum = 0;
    for (Index i = 0; i < n; ++i) sum += static_cast<double>(w[r * n + i]) * static_cast<double>(x[i]);
    y[r] = static_cast<T>(bias ? sum + static_cast<double>(bias[r]) : sum);
  }
}

// w [rows,G*kInt8Group], scales [rows,G] with G = ceil(n / kInt8Group); x [n], bias [rows] or null, y [rows].
template <class T>
void matvec_int8(Index rows, Index n, const std::int8_t* w, const T* scales, const T* x, const T* bias, T* y) {
  const Index groups = (n + kInt8Group - 1) / kInt8Group;
  for (Index r = 0; r < rows; ++r) {
    double sum = 0;
    for (Index i = 0; i < n; ++i)
      sum += static_cast<double>(scales[r * groups + i / kInt8Group]) *
             static_cast<double>(w[r * groups * kInt8Group + i]) * static_cast<double>(x[i]);
    y[r] = static_cast<T>(bias ? sum + static_cast<double>(bias[r]) : sum);
  }
}

// x [m], a [m,n] with leading dimension ld, y [n].
template <class T>
void vecmat(Index m, Index n, const T* x, const T* a, Index ld, T* y) {
  for (Index j = 0; j < n; ++j) {
    double sum = 0;
    for (Index i = 0; i < m; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(a[i * ld + j]);
    y[j] = static_cast<T>(sum);
  }
}

}  // namespace headlight::kernels::reference
