// Reference matrix product: three plain loops per batch entry, sums in double.
#pragma once

#include "headlight/base/threads.h"
#include "kernels/kernels.h"

namespace headlight::kernels::reference {

// Rows [begin, end) of one batch entry. a: op(A) [m,k], b: op(B) [k,n], addend and c: [m,n].
//   1. c[i,j] = alpha sum_p a[i,p] b[p,j] + bias[j]   (+ the old c[i,j] when accumulating)
//   2. c[i,j] += addend[i,j]
template <class T>
void gemm_rows(const Gemm<T>& g, const T* a, const T* b, const T* addend, T* c, Index begin, Index end) {
  for (Index i = begin; i < end; ++i) {
    for (Index j = 0; j < g.n; ++j) {
      double sum = 0;
      for (Index p = 0; p < g.k; ++p) {
        const T x = g.trans_a ? a[p * g.lda + i] : a[i * g.lda + p];
        const T y = g.trans_b ? b[j * g.ldb + p] : b[p * g.ldb + j];
        sum += static_cast<double>(x) * static_cast<double>(y);
      }
      T& out = c[i * g.ldc + j];
      const double product = static_cast<double>(g.alpha) * sum + (g.bias ? static_cast<double>(g.bias[j]) : 0);
      out = static_cast<T>(g.accumulate ? static_cast<double>(out) + product : product);
      if (addend) out += addend[i * g.ldc + j];
    }
  }
}

template <class T>
void gemm(const Gemm<T>& g) {
  const Index rows = g.batch_outer * g.batch_inner * g.m;
  // About 2^18 multiply-adds per chunk, so that the work outweighs the cost of waking a thread.
  const Index row_work = g.n * g.k > 0 ? g.n * g.k : 1;
  parallel_for(rows, (Index{1} << 18) / row_work + 1, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const Index batch = row / g.m, i = row % g.m;
      const Index outer = batch / g.batch_inner, inner = batch % g.batch_inner;
      const Index of_c = outer * g.c_outer + inner * g.c_inner;
      gemm_rows(g, g.a + outer * g.a_outer + inner * g.a_inner, g.b + outer * g.b_outer + inner * g.b_inner,
                g.addend ? g.addend + of_c : nullptr, g.c + of_c, i, i + 1);
    }
  });
}

}  // namespace headlight::kernels::reference
