// Products of a matrix and one vector over a vector type V: the main cost of token-by-token decoding.
//
//   matvec   y = W x + b      W [rows, n]            vecmat   y = x M      M [m, n]
//
//        x0 x1 x2 x3 ...  ->                              y0 y1 y2 y3 ...      64 outputs held in registers
//   ┌──────────────────┐                             ┌──────────────────┐
//   │ w0  ──────────>  │ sum -> y0                   │ row 0        │   │ x0
//   │ w1  ──────────>  │ sum -> y1   row by row      │ row 1        │   │ x1
//   │ w2  ──────────>  │ sum -> y2                   │ row 2        v   │ x2
//   └──────────────────┘                             └──────────────────┘
//
// Every weight is read and used once, so memory bandwidth bounds the speed. Rows are processed one after another,
// because a single sequential stream reads fastest. (Four rows at a time would share the loads of x, but read a matrix
// larger than the caches two to three times slower.) Eight independent sums hide the latency of a multiply-add, because
// two multiply-adds start per cycle and each takes four cycles.
//
//   1. Vector i of a row is added to sum i mod 8; a partial last vector uses only the lanes that exist.
//   2. The sums are added in pairs, then the lanes, then the bias.
//
// A row's result depends on that row alone, so callers may split the rows in any way.
#pragma once

#include "kernels/kernels.h"

namespace headlight::kernels {

inline constexpr int kMatvecSums = 8;

// Step 2, without the bias.
template <class V>
[[gnu::always_inline]] inline float added(const V (&sums)[kMatvecSums]) {
  return V::sum(((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7])));
}

template <class V>
[[gnu::always_inline]] inline float dot(Index n, const float* w, const float* x) {
  V sums[kMatvecSums];
#pragma GCC unroll 8
  for (V& sum : sums) sum = V::zero();
  constexpr Index kStep = kMatvecSums * V::kLanes;
  Index i = 0;
  for (; i + kStep <= n; i += kStep)
#pragma GCC unroll 8
    for (int s = 0; s < kMatvecSums; ++s)
      sums[s] = V::fma(V::load(w + i + s * V::kLanes), V::load(x + i + s * V::kLanes), sums[s]);
  if (i < n) {
#pragma GCC unroll 8
    for (int s = 0; s < kMatvecSums; ++s, i += V::kLanes) {
      if (i + V::kLanes <= n) {
        sums[s] = V::fma(V::load(w + i), V::load(x + i), sums[s]);
      } else if (i < n) {
        const typename V::First rest{n - i};
        sums[s] = V::fma(V::load(w + i, rest), V::load(x + i, rest), sums[s]);
      }
    }
  }
  return added<V>(sums);
}

// Rows of exactly eight vectors: x stays in registers for all rows.
template <class V>
void matvec_of_one_step(Index rows, const float* w, const float* x, const float* bias, float* y) {
  V of_x[kMatvecSums];
#pragma GCC unroll 8
  for (int s = 0; s < kMatvecSums; ++s) of_x[s] = V::load(x + s * V::kLanes);
  for (Index r = 0; r < rows; ++r, w += kMatvecSums * V::kLanes) {
    V sums[kMatvecSums];
#pragma GCC unroll 8
    for (int s = 0; s < kMatvecSums; ++s) sums[s] = V::fma(V::load(w + s * V::kLanes), of_x[s], V::zero());
    const float sum = added<V>(sums);
    y[r] = bias ? sum + bias[r] : sum;
  }
}

template <class V>
void simd_matvec(Index rows, Index n, const float* w, const float* x, const float* bias, float* y) {
  if (n == kMatvecSums * V::kLanes) return matvec_of_one_step<V>(rows, w, x, bias, y);
  for (Index r = 0; r < rows; ++r, w += n) {
    const float sum = dot<V>(n, w, x);
    y[r] = bias ? sum + bias[r] : sum;
  }
}

// ---- int8 weights ----

// The sum of w x over one group of a row, still spread over the lanes. x has `count` <= kInt8Group elements; w is zero
// beyond them.
template <class V>
[[gnu::always_inline]] inline V int8_group(const std::int8_t* w, const float* x, Index count) {
  V sum[2] = {V::zero(), V::zero()};
  if (count == kInt8Group) {
#pragma GCC unroll 16
    for (Index i = 0; i < kInt8Group; i += 2 * V::kLanes) {
      sum[0] = V::fma(V::load_int8(w + i), V::load(x + i), sum[0]);
      sum[1] = V::fma(V::load_int8(w + i + V::kLanes), V::load(x + i + V::kLanes), sum[1]);
    }
  } else {
    Index i = 0;
    for (int s = 0; i < count; i += V::kLanes, s ^= 1) {
      const V xi = i + V::kLanes <= count ? V::load(x + i) : V::load(x + i, typename V::First{count - i});
      sum[s] = V::fma(V::load_int8(w + i), xi, sum[s]);
    }
  }
  return sum[0] + sum[1];
}

template <class V>
void simd_matvec_int8(Index rows, Index n, const std::int8_t* w, const float* scales, const float* x, const float* bias,
                      float* y) {
  for (Index r = 0; r < rows; ++r) {
    V sum = V::zero();
    for (Index i = 0; i < n; i += kInt8Group, w += kInt8Group, ++scales) {
      const Index count = n - i < kInt8Group ? n - i : kInt8Group;
      sum = V::fma(V::repeat(scales), int8_group<V>(w, x + i, count), sum);
    }
    const float total = V::sum(sum);
    y[r] = bias ? total + bias[r] : total;
  }
}

// ---- bfloat16 weights ----

template <class V>
void simd_matvec_bf16(Index rows, Index n, const std::uint16_t* w, const float* x, const float* bias, float* y) {
  constexpr Index kStep = kMatvecSums * V::kLanes;
  for (Index r = 0; r < rows; ++r, w += n) {
    V sums[kMatvecSums];
#pragma GCC unroll 8
    for (V& sum : sums) sum = V::zero();
    Index i = 0;
    for (; i + kStep <= n; i += kStep)
#pragma GCC unroll 8
      for (int s = 0; s < kMatvecSums; ++s)
        sums[s] = V::fma(V::load_bf16(w + i + s * V::kLanes), V::load(x + i + s * V::kLanes), sums[s]);
    int s = 0;
    for (; i + V::kLanes <= n; i += V::kLanes, ++s) sums[s] = V::fma(V::load_bf16(w + i), V::load(x + i), sums[s]);
    if (i < n) {
      std::uint16_t rest[V::kLanes] = {};
      for (Index j = i; j < n; ++j) rest[j - i] = w[j];
      sums[s] = V::fma(V::load_bf16(rest), V::load(x + i, typename V::First{n - i}), sums[s]);
    }
    const float sum = added<V>(sums);
    y[r] = bias ? sum + bias[r] : sum;
  }
}

// ---- a vector times a matrix ----

// Computes kWide adjacent vectors of outputs; each lane is one chain of multiply-adds over the rows, in order.
template <class V, int kWide, class Lanes>
[[gnu::always_inline]] inline void vecmat_columns(Index m, const float* x, const float* a, Index ld, float* y,
                                                  Lanes lanes) {
  V sums[kWide];
#pragma GCC unroll 8
  for (int j = 0; j < kWide; ++j) sums[j] = V::zero();
  for (Index i = 0; i < m; ++i, a += ld) {
    const V xi = V::repeat(x + i);
#pragma GCC unroll 8
    for (int j = 0; j < kWide; ++j) sums[j] = V::fma(xi, V::load(a + j * V::kLanes, lanes), sums[j]);
  }
#pragma GCC unroll 8
  for (int j = 0; j < kWide; ++j) sums[j].store(y + j * V::kLanes, lanes);
}

template <class V>
void simd_vecmat(Index m, Index n, const float* x, const float* a, Index ld, float* y) {
  using All = typename V::All;
  Index j = 0;
  for (; j + 8 * V::kLanes <= n; j += 8 * V::kLanes) vecmat_columns<V, 8>(m, x, a + j, ld, y + j, All{});
  for (; j + 4 * V::kLanes <= n; j += 4 * V::kLanes) vecmat_columns<V, 4>(m, x, a + j, ld, y + j, All{});
  for (; j + V::kLanes <= n; j += V::kLanes) vecmat_columns<V, 1>(m, x, a + j, ld, y + j, All{});
  if (j < n) vecmat_columns<V, 1>(m, x, a + j, ld, y + j, typename V::First{n - j});
}

}  // namespace headlight::kernels
