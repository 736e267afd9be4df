// The loops of the vectorized kernels: whole vectors, then the rest of the row as a partial vector.
#pragma once

#include "headlight/base/index.h"

namespace headlight::kernels {

// Calls body(i, lanes) for i = 0, kLanes, 2 kLanes, ...: `lanes` is V::All{} for a whole vector and V::First{count} for
// the tail. Loads and stores take `lanes` as an argument, so that body and tail share one source.
template <class V, class Body>
[[gnu::always_inline]] inline void for_vectors(Index n, const Body& body) {
  Index i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) body(i, typename V::All{});
  if (i < n) body(i, typename V::First{n - i});
}

// The same with four independent accumulators, which hide the latency of an addition: body(i, lanes, accumulator). The
// accumulator of an element depends on its position only.
inline constexpr int kChains = 4;
template <class V, class Accumulator, class Body>
[[gnu::always_inline]] inline void for_vectors(Index n, Accumulator (&sums)[kChains], const Body& body) {
  constexpr Index kStep = kChains * V::kLanes;
  Index i = 0;
  for (; i + kStep <= n; i += kStep)
    for (int c = 0; c < kChains; ++c) body(i + c * V::kLanes, typename V::All{}, sums[c]);
  for (int c = 0; i < n; i += V::kLanes, ++c) {
    if (i + V::kLanes <= n) body(i, typename V::All{}, sums[c]);
    else body(i, typename V::First{n - i}, sums[c]);
  }
}

// x in the active lanes, `fill` in the others.
template <class V>
[[gnu::always_inline]] inline V keep(V x, typename V::All, V) {
  return x;
}
template <class V>
[[gnu::always_inline]] inline V keep(V x, typename V::First part, V fill) {
  return V::select(V::inside(part), x, fill);
}

template <class V>
[[gnu::always_inline]] inline float sum_of(const V (&s)[kChains]) {
  return V::sum((s[0] + s[1]) + (s[2] + s[3]));
}

// The sum of term(i, lanes) over n elements. Runs of 4096 elements are summed separately, so that the rounding error
// grows with the length of a run plus the number of runs, not with n.
template <class V, class Term>
[[gnu::always_inline]] inline float sum_terms(Index n, const Term& term) {
  constexpr Index kRun = 4096;
  float total = 0;
  for (Index begin = 0; begin < n; begin += kRun) {
    const Index count = n - begin < kRun ? n - begin : kRun;
    V sums[kChains] = {V::zero(), V::zero(), V::zero(), V::zero()};
    for_vectors<V>(count, sums,
                   [&](Index i, auto lanes, V& sum) { sum = sum + keep(term(begin + i, lanes), lanes, V::zero()); });
    total += sum_of(sums);
  }
  return total;
}

// The maximum of value(i, lanes) over n elements: -inf if n = 0, NaN if any value is NaN.
template <class V, class Value>
[[gnu::always_inline]] inline float max_value(Index n, const Value& value) {
  const V lowest = V::set(-__builtin_inff());
  V best[kChains] = {lowest, lowest, lowest, lowest};
  auto nan = V::Int::set(0);
  for_vectors<V>(n, best, [&](Index i, auto lanes, V& b) {
    const V x = keep(value(i, lanes), lanes, lowest);
    b = V::max(x, b);  // b where x is NaN
    nan = nan | V::is_nan(x);
  });
  if (nan.bits() != 0) return __builtin_nanf("");
  return V::largest(V::max(V::max(best[0], best[1]), V::max(best[2], best[3])));
}

}  // namespace headlight::kernels
