// Reference reductions: sum and maximum over the middle axis of [outer, n, inner], and the sum of squares.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/kernels.h"

namespace headlight::kernels::reference {

// x [outer,n,inner], y [outer,inner].
template <class T>
void sum_axis(Index outer, Index n, Index inner, const T* x, T* y) {
  for (Index o = 0; o < outer; ++o) {
    for (Index i = 0; i < inner; ++i) {
      double sum = 0;
      for (Index j = 0; j < n; ++j) sum += static_cast<double>(x[(o * n + j) * inner + i]);
      y[o * inner + i] = static_cast<T>(sum);
    }
  }
}

// x [outer,n,inner], y and where [outer,inner]. Selects the first NaN; without NaN, the first of equal maxima.
template <class T>
void max_axis(Index outer, Index n, Index inner, const T* x, T* y, std::int32_t* where) {
  for (Index o = 0; o < outer; ++o) {
    for (Index i = 0; i < inner; ++i) {
      Index best = 0;
      T largest = x[o * n * inner + i];
      for (Index j = 1; j < n; ++j) {
        const T value = x[(o * n + j) * inner + i];
        if (value > largest || (std::isnan(value) && !std::isnan(largest))) {
          largest = value;
          best = j;
        }
      }
      y[o * inner + i] = largest;
      where[o * inner + i] = static_cast<std::int32_t>(best);
    }
  }
}

// x [n].
template <class T>
double sum_squares(Index n, const T* x) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

}  // namespace headlight::kernels::reference
