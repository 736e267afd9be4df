// y = tanh(a) sigmoid(b) for the halves a and b of each row.
//   With h = tanh(a) and s = sigmoid(b):  da = dy s (1 - h^2),  db = dy h s (1 - s)
#include "ops/common.h"

namespace headlight {

namespace {

using kernels::Unary;

// Calls body(r) for each row of 2n elements, in parallel.
template <class Body>
void each_row(Index rows, Index n, const Body& body) {
  parallel_for(rows, row_grain(8 * n), [&](Index begin, Index end) {  // an exponential costs several additions
    for (Index r = begin; r < end; ++r) body(r);
  });
}

}  // namespace

Tensor gated_tanh(const Tensor& x) {
  if (x.rank() < 1 || x.size(-1) % 2 != 0) fail("gated_tanh: x is ", x.shape(), "; its last axis must be even");
  const Index n = x.size(-1) / 2, rows = x.shape().outer(-1);
  Tensor y = Tensor::empty(x.shape().with(-1, n), x.dtype());
  Tensor gates = Tensor::empty(x.shape(), x.dtype());  // h and s
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto& table = kernels::active<T>();
    const T* px = x.data<T>();
    T *py = y.data<T>(), *pg = gates.data<T>();
    each_row(rows, n, [&](Index r) {
      T *h = pg + 2 * n * r, *s = h + n;
      table.unary(Unary::kTanh, n, px + 2 * n * r, h);
      table.unary(Unary::kSigmoid, n, px + 2 * n * r + n, s);
      table.binary(kernels::Binary::kMul, n, h, 1, s, 1, py + n * r);
    });
  });
  record("gated_tanh", y, {x}, [gates, rows, n](const Tensor& dy, const Gradients& d) {
    Tensor dx = Tensor::empty(gates.shape(), dy.dtype());
    dispatch(dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const auto& table = kernels::active<T>();
      const T *pg = gates.data<T>(), *pdy = dy.data<T>();
      T* pdx = dx.data<T>();
      each_row(rows, n, [&](Index r) {
        const T *h = pg + 2 * n * r, *s = h + n, *g = pdy + n * r;
        T *da = pdx + 2 * n * r, *db = da + n;
        table.binary(kernels::Binary::kMul, n, g, 1, s, 1, da);
        table.unary_backward(Unary::kTanh, n, h, h, da, da);
        table.binary(kernels::Binary::kMul, n, g, 1, h, 1, db);
        table.unary_backward(Unary::kSigmoid, n, s, s, db, db);
      });
    });
    d[0].add(dx);
  });
  return y;
}

}  // namespace headlight
