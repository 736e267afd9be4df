// softmax (Bridle 1990), masked softmax and log-softmax over the last axis. Another axis is moved to the end first.
//
// Derivation of the backward passes for one row, by the chain rule (dx means dL/dx):
//   softmax: y_i = e^{x_i} / Z with Z = sum_j e^{x_j}. The quotient rule gives
//     dy_i/dx_j = [i = j] e^{x_i} / Z - e^{x_i} e^{x_j} / Z^2 = y_i ([i = j] - y_j)
//     dL/dx_j = sum_i dL/dy_i y_i ([i = j] - y_j), that is  dx_j = y_j (dy_j - sum_i y_i dy_i)
//   log-softmax: l_i = x_i - log Z. Since d log Z / dx_j = y_j,
//     dl_i/dx_j = [i = j] - y_j, that is  dx_j = dl_j - y_j sum_i dl_i,  with y_j = e^{l_j}
//   masked softmax: Z sums over unmasked elements only. A masked element has y_j = 0 and does not affect Z: dx_j = 0.
// Both results are unchanged if a constant is subtracted from all x_i. The kernels subtract max_i x_i, so that no
// exponential overflows.
#include "ops/common.h"

namespace headlight {

namespace {

// Calls row(r) for every row of the last axis, in parallel.
template <class Row>
void each_row(const Tensor& like, const Row& row) {
  const Index n = like.size(-1), rows = like.shape().outer(-1);
  parallel_for(rows, row_grain(4 * n), [&](Index begin, Index end) {  // an exponential costs several additions
    for (Index r = begin; r < end; ++r) row(r);
  });
}

void need_axis(const char* operation, const Tensor& x) {
  if (x.rank() < 1) fail(operation, ": needs at least one axis");
}

// Computes dx by calling kernel(table, n, offset, y, dy, dx) for each row. The pointers refer to the row's first
// element, which is element `offset` of the tensors.
template <class Kernel>
Tensor backward_rows(const Tensor& y, const Tensor& dy, const Kernel& kernel) {
  Tensor dx = Tensor::empty(y.shape(), y.dtype());
  dispatch(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Index n = y.size(-1);
    const T* py = y.data<T>();
    const T* pdy = dy.data<T>();
    T* pdx = dx.data<T>();
    each_row(y, [&](Index r) { kernel(kernels::active<T>(), n, r * n, py + r * n, pdy + r * n, pdx + r * n); });
  });
  return dx;
}

// `mask` has x's shape or is undefined.
Tensor softmax_rows(const char* name, const Tensor& x, const Tensor& mask) {
  need_axis(name, x);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Index n = x.size(-1);
    const T* px = x.data<T>();
    const T* pm = mask.defined() ? mask.data<T>() : nullptr;
    T* py = y.data<T>();
    each_row(x,
             [&](Index r) { kernels::active<T>().softmax_row(n, px + r * n, pm ? pm + r * n : nullptr, py + r * n); });
  });
  record(name, y, {x}, [y = y.detach(), mask](const Tensor& dy, const Gradients& d) {
    d[0].add(
        backward_rows(y, dy, [&]<class T>(const auto& table, Index n, Index offset, const T* py, const T* pdy, T* pdx) {
          table.softmax_backward_row(n, py, mask.defined() ? mask.data<T>() + offset : nullptr, pdy, pdx);
        }));
  });
  return y;
}

}  // namespace

Tensor softmax(const Tensor& x, int axis) {
  if (axis_of("softmax", x, axis) == x.rank() - 1) return softmax_rows("softmax", x, {});
  return transpose(softmax_rows("softmax", transpose(x, axis, -1), {}), axis, -1);
}

Tensor masked_softmax(const Tensor& x, const Tensor& mask) {
  check_same_dtype("masked_softmax", x, mask);
  if (!(broadcast(x.shape(), mask.shape(), "masked_softmax") == x.shape()))
    fail("masked_softmax: the mask ", mask.shape(), " does not broadcast to ", x.shape());
  return softmax_rows("masked_softmax", x, expand_to(mask.detach(), x.shape()));
}

Tensor log_softmax(const Tensor& x, int axis) {
  if (axis_of("log_softmax", x, axis) != x.rank() - 1) return transpose(log_softmax(transpose(x, axis, -1)), axis, -1);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Index n = x.size(-1);
    const T* px = x.data<T>();
    T* py = y.data<T>();
    each_row(x, [&](Index r) { kernels::active<T>().log_softmax_row(n, px + r * n, py + r * n); });
  });
  record("log_softmax", y, {x}, [y = y.detach()](const Tensor& dy, const Gradients& d) {
    d[0].add(backward_rows(y, dy, [](const auto& table, Index n, Index, const auto* py, const auto* pdy, auto* pdx) {
      table.log_softmax_backward_row(n, py, pdy, pdx);
    }));
  });
  return y;
}

}  // namespace headlight
