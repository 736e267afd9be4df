// Reductions over the middle axis of [outer, n, inner], and the sum of squares, over a vector type V.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"
#include "kernels/simd/loop.h"

namespace headlight::kernels {

// Adds n rows of kWide adjacent vectors to y. The rows begin `width` elements apart. A row spans several cache lines.
template <class V, int kWide, class Lanes>
[[gnu::always_inline]] inline void add_rows(Index n, Index width, const float* x, float* y, Lanes lanes) {
  V sums[kWide];
  for (int w = 0; w < kWide; ++w) sums[w] = V::zero();
  for (Index j = 0; j < n; ++j, x += width)
    for (int w = 0; w < kWide; ++w) sums[w] = sums[w] + V::load(x + w * V::kLanes, lanes);
  for (int w = 0; w < kWide; ++w) (V::load(y + w * V::kLanes, lanes) + sums[w]).store(y + w * V::kLanes, lanes);
}

// With inner = 1 each row of x gives one sum. Otherwise vectors run along inner, and rows are added in runs as in
// sum_terms, so that the rounding error does not grow with n.
template <class V>
void simd_sum_axis(Index outer, Index n, Index inner, const float* x, float* y) {
  if (inner == 1) {
    for (Index o = 0; o < outer; ++o, x += n)
      y[o] = sum_terms<V>(n, [&](Index i, auto lanes) { return V::load(x + i, lanes); });
    return;
  }
  constexpr Index kRun = 256;
  constexpr int kWide = 8;
  const Index wide_end = inner - inner % (kWide * V::kLanes);
  for (Index o = 0; o < outer; ++o, x += n * inner, y += inner) {
    for_vectors<V>(inner, [&](Index i, auto lanes) { V::zero().store(y + i, lanes); });
    for (Index begin = 0; begin < n; begin += kRun) {
      const Index rows = n - begin < kRun ? n - begin : kRun;
      const float* top = x + begin * inner;
      for (Index i = 0; i < wide_end; i += kWide * V::kLanes)
        add_rows<V, kWide>(rows, inner, top + i, y + i, typename V::All{});
      for_vectors<V>(inner - wide_end, [&](Index i, auto lanes) {
        add_rows<V, 1>(rows, inner, top + wide_end + i, y + wide_end + i, lanes);
      });
    }
  }
}

// The index of the first NaN; if there is none, of the first maximum.
template <class V>
Index first_largest(Index n, const float* x) {
  const V largest = V::set(max_value<V>(n, [&](Index i, auto lanes) { return V::load(x + i, lanes); }));
  const bool nan = V::is_nan(largest).bits() != 0;
  for (Index i = 0; i < n; i += V::kLanes) {
    const auto find = [&](auto lanes) {
      const V value = V::load(x + i, lanes);
      return ((nan ? V::is_nan(value) : value == largest) & V::inside(lanes)).bits();
    };
    const unsigned found = i + V::kLanes <= n ? find(typename V::All{}) : find(typename V::First{n - i});
    if (found != 0) return i + __builtin_ctz(found);
  }
  return 0;
}

template <class V>
void simd_max_axis(Index outer, Index n, Index inner, const float* x, float* y, std::int32_t* where) {
  if (inner == 1) {
    for (Index o = 0; o < outer; ++o, x += n) {
      const Index best = first_largest<V>(n, x);
      y[o] = x[best];
      where[o] = static_cast<std::int32_t>(best);
    }
    return;
  }
  for (Index o = 0; o < outer; ++o, x += n * inner, y += inner, where += inner) {
    for_vectors<V>(inner, [&](Index i, auto lanes) {
      V largest = V::load(x + i, lanes);
      auto best = V::Int::set(0);
      for (Index j = 1; j < n; ++j) {
        const V value = V::load(x + j * inner + i, lanes);
        const auto new_nan = V::select(V::is_nan(largest), V::Int::set(0), V::is_nan(value));
        const auto better = (value > largest) | new_nan;
        largest = V::select(better, value, largest);
        best = V::select(better, V::Int::set(static_cast<std::int32_t>(j)), best);
      }
      largest.store(y + i, lanes);
      best.store(where + i, lanes);
    });
  }
}

template <class V>
double simd_sum_squares(Index n, const float* x) {
  using Sum = typename V::Double;
  Sum sums[kChains] = {Sum::zero(), Sum::zero(), Sum::zero(), Sum::zero()};
  for_vectors<V>(n, sums, [&](Index i, auto lanes, Sum& sum) { sum.add_square(V::load(x + i, lanes)); });
  return (sums[0].sum() + sums[1].sum()) + (sums[2].sum() + sums[3].sum());
}

}  // namespace headlight::kernels
