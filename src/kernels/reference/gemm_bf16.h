// Reference product of bfloat16 operands: plain loops in exactly the order that bf16.h defines.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "headlight/base/threads.h"
#include "kernels/bf16.h"
#include "kernels/kernels.h"
#include "kernels/reference/gemm.h"

namespace headlight::kernels::reference {

inline float flushed(float x) { return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x; }

// Element c[i,j] of one batch entry.
inline float bf16_element(const Gemm<float>& g, const float* a, const float* b, float c, Index i, Index j) {
  const auto a_at = [&](Index p) { return from_bf16(to_bf16(g.trans_a ? a[p * g.lda + i] : a[i * g.lda + p])); };
  const auto b_at = [&](Index p) { return from_bf16(to_bf16(g.trans_b ? b[j * g.ldb + p] : b[p * g.ldb + j])); };
  if (g.k == 0) return (g.accumulate ? c : 0) + (g.bias ? g.bias[j] : 0);
  const Index length = gemm_block_length(g.k);
  for (Index begin = 0; begin < g.k; begin += length) {
    const Index end = begin + length < g.k ? begin + length : g.k;
    float sum = begin == 0 && g.bias ? g.bias[j] : 0;
    for (Index p = begin; p < end; p += 2) {
      sum = flushed(p + 1 < end ? std::fma(a_at(p + 1), b_at(p + 1), sum) : 0 + sum);
      sum = flushed(std::fma(a_at(p), b_at(p), sum));
    }
    c = g.accumulate || begin > 0 ? std::fma(g.alpha, sum, c) : g.alpha * sum;
  }
  return c;
}

template <class T>
void gemm_bf16(const Gemm<T>& g) {
  if constexpr (!std::is_same_v<T, float>) {
    gemm(g);
  } else {
    const Index rows = g.batch_outer * g.batch_inner * g.m;
    const Index row_work = g.n * g.k > 0 ? g.n * g.k : 1;
    parallel_for(rows, (Index{1} << 16) / row_work + 1, [&](Index begin, Index end) {
      for (Index row = begin; row < end; ++row) {
        const Index batch = row / g.m, i = row % g.m;
        const Index outer = batch / g.batch_inner, inner = batch % g.batch_inner;
        const float* a = g.a + outer * g.a_outer + inner * g.a_inner;
        const float* b = g.b + outer * g.b_outer + inner * g.b_inner;
        const Index of_row = outer * g.c_outer + inner * g.c_inner + i * g.ldc;
        for (Index j = 0; j < g.n; ++j) {
          float& c = g.c[of_row + j];
          c = bf16_element(g, a, b, c, i, j);
          if (g.addend) c = g.addend[of_row + j] + c;
        }
      }
    });
  }
}

template <class T>
void matvec_bf16(Index rows, Index n, const std::uint16_t* w, const T* x, const T* bias, T* y) {
  for (Index r = 0; r < rows; ++r, w += n) {
    double sum = 0;
    for (Index i = 0; i < n; ++i) sum += static_cast<double>(from_bf16(w[i])) * static_cast<double>(x[i]);
    y[r] = static_cast<T>(bias ? sum + static_cast<double>(bias[r]) : sum);
  }
}

}  // namespace headlight::kernels::reference
