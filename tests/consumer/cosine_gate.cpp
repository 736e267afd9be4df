// y = a cos(b);   da = dy cos(b);   db = -dy a sin(b)
#include "cosine_gate.h"

#include <cmath>

namespace mine {

using namespace headlight;

namespace {

// Applies f to each pair of elements.
template <class F>
Tensor each(const Tensor& a, const Tensor& b, const F& f) {
  Tensor y = Tensor::empty(a.shape(), a.dtype());
  dispatch(a.dtype(), [&](auto zero) {
    using T = decltype(zero);  // float, or double under gradcheck
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* py = y.data<T>();
    parallel_for(a.numel(), kGrain, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) py[i] = f(pa[i], pb[i]);
    });
  });
  return y;
}

}  // namespace

Tensor cosine_gate(const Tensor& a, const Tensor& b) {
  check_same_dtype("cosine_gate", a, b);
  if (!(a.shape() == b.shape())) fail("cosine_gate: shapes differ: ", a.shape(), " and ", b.shape());
  Tensor y = each(a, b, [](auto x, auto angle) { return x * std::cos(angle); });
  // Saved lets the tape recompute a result instead of storing it.
  record("cosine_gate", y, {a, b}, [a = Saved(a), b = Saved(b)](const Tensor& dy, const Gradients& d) {
    const Tensor angle = b.get();
    if (d[0].needed()) d[0].add(each(dy, angle, [](auto g, auto x) { return g * std::cos(x); }));
    if (d[1].needed()) d[1].add(mul(a.get(), each(dy, angle, [](auto g, auto x) { return -g * std::sin(x); })));
  });
  return y;
}

}  // namespace mine
