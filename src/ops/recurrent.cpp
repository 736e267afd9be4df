// Recurrent layers over a whole sequence: simple (Elman 1990), GRU (Cho et al. 2014), LSTM (Hochreiter, Schmidhuber
// 1997; the forget gate is from Gers et al. 2000).
//
// With p = W h_{t-1} + bias, split into one part per gate; s is the logistic sigmoid, and * multiplies elementwise:
//
//   rnn    h_t = tanh(x + p)
//   gru    r = s(x_r + p_r),  z = s(x_z + p_z),  n = tanh(x_n + r * p_n),  h_t = (1 - z) * n + z * h_{t-1}
//   lstm   i, f, o = s(x + p),  g = tanh(x_g + p_g),  c_t = f * c_{t-1} + i * g,  h_t = o * tanh(c_t)
//
// These are PyTorch's formulas. (In Cho et al. r multiplies h_{t-1} before the product with W_n.)
//
// Derivation of the backward pass, from the last step to the first (dv: dL/dv; s' = s (1 - s), tanh' = 1 - tanh^2).
// h_t affects the loss through y_t = h_t and through step t + 1, so dh is dy_t plus the gradient from step t + 1.
//
//   rnn    dp = dx = dh * (1 - h_t^2)
//   gru    dn = dh * (1 - z),  dz = dh * (h_{t-1} - n);  before the activation functions:
//            dx_n = dn * (1 - n^2),  dx_r = dx_n * p_n * r(1 - r),  dx_z = dz * z(1 - z)
//            dp_r = dx_r,  dp_z = dx_z,  dp_n = dx_n * r;  directly to dh_{t-1}: dh * z
//   lstm   dc += dh * o * (1 - tanh(c_t)^2);  before the activation functions:
//            dp_i = dc * g * i(1 - i),  dp_f = dc * c_{t-1} * f(1 - f),  dp_g = dc * i * (1 - g^2),
//            dp_o = dh * tanh(c_t) * o(1 - o);  dx = dp;  to step t - 1: dc * f
//
//   dh_{t-1} = dp W (+ the direct part)
//   dW = sum over t of dp_t^T h_{t-1}, dbias = sum of dp_t: one product after the walk instead of T small ones.
//
// The sequences of a batch are independent: each thread walks through all steps of its own sequences, and the threads
// never wait for one another. The rows of a product are independent, so no bit depends on the number of threads.
#include <algorithm>
#include <initializer_list>
#include <memory>
#include <utility>

#include "ops/common.h"

namespace headlight {

namespace {

struct Sizes {
  Index batch, steps, units;
};

Sizes check(const char* operation, Index gates, const Tensor& x, const Tensor& w, const Tensor& bias,
            std::initializer_list<std::pair<const char*, const Tensor&>> states) {
  if (x.rank() != 3 || x.size(2) % gates != 0)
    fail(operation, ": x is ", x.shape(), " and should be [B,T,", gates == 1 ? "" : cat(gates), "C]");
  const Sizes s{x.size(0), x.size(1), x.size(2) / gates};
  const auto expect = [&](const char* name, const Tensor& tensor, const Shape& shape) {
    check_same_dtype(operation, x, tensor);
    if (!(tensor.shape() == shape))
      fail(operation, ": ", name, " is ", tensor.shape(), " and should be ", shape, " for x ", x.shape());
  };
  expect("w", w, {gates * s.units, s.units});
  if (bias.defined()) expect("bias", bias, {gates * s.units});
  for (const auto& [name, state] : states)
    if (state.defined()) expect(name, state, {s.batch, s.units});
  return s;
}

Tensor or_zeros(const Tensor& x, const Shape& shape, DType dtype) {
  return x.defined() ? x.detach() : Tensor::zeros(shape, dtype);
}

// ---- views ----

// The rows of a tensor [B,T,n].
template <class T>
struct Rows {
  T* data;
  Index steps, size;

  Rows(T* first, const Tensor& x) : data(first), steps(x.size(1)), size(x.size(2)) {}
  T* at(Index b, Index t) const { return data + (b * steps + t) * size; }
  Index stride() const { return steps * size; }  // from a sequence to the next
};
template <class T>
Rows<const T> read(const Tensor& x) {
  return {x.data<T>(), x};
}
template <class T>
Rows<T> write(Tensor& x) {
  return {x.data<T>(), x};
}

// The state before each step: `first` [B,n] before step 0, then the states `after` the previous steps [B,T,n].
template <class T>
struct Before {
  const T* first;
  Rows<const T> after;

  Before(const Tensor& start, const Tensor& states) : first(start.data<T>()), after(read<T>(states)) {}
  const T* at(Index b, Index t) const { return t == 0 ? first + b * after.size : after.at(b, t - 1); }
  Index stride(Index t) const { return t == 0 ? after.size : after.stride(); }
};

// The states before all steps as one tensor [B,T,n].
Tensor gather_before(const Tensor& start, const Tensor& states) {
  Tensor before = Tensor::empty(states.shape(), states.dtype());
  dispatch(states.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Before<T> from(start, states);
    const Rows<T> to = write<T>(before);
    parallel_for(states.size(0), row_grain(to.stride()), [&](Index begin, Index end) {
      for (Index b = begin; b < end; ++b)
        for (Index t = 0; t < to.steps; ++t) std::copy_n(from.at(b, t), to.size, to.at(b, t));
    });
  });
  return before;
}

// ---- the product of each step ----

// Columns per panel: a multiple of every kernel's tile width.
constexpr Index kPanel = 32;
// Up to this many rows the product kernels read a panel in place.
constexpr Index kMaxRows = 24;

// One factor of the product of every step, in panels of kPanel columns [k, kPanel]. Packing the factor in every step
// would take as long as the product itself, because a step has few rows.
template <class T>
class Panels {
 public:
  // w [n,k], transposed to k x n.
  static Panels transposed(const Tensor& w) {
    Panels p(w.size(1), w.size(0), w.dtype());
    p.fill([in = w.data<T>(), &p](Index column, Index columns, T* panel) {
      // Eight columns at a time, so that the inner loop writes contiguous elements.
      for (Index j = 0; j < columns; j += 8)
        for (Index i = 0; i < p.k_; ++i)
          for (Index c = j; c < std::min(columns, j + 8); ++c) panel[i * kPanel + c] = in[(column + c) * p.k_ + i];
    });
    return p;
  }
  // w [k,n].
  static Panels straight(const Tensor& w) {
    Panels p(w.size(0), w.size(1), w.dtype());
    p.fill([in = w.data<T>(), &p](Index column, Index columns, T* panel) {
      for (Index i = 0; i < p.k_; ++i) std::copy_n(in + i * p.n_ + column, columns, panel + i * kPanel);
    });
    return p;
  }

  // c [rows,n] = a [rows,k] times the factor (+ c) (+ addend, with the stride of c).
  void multiply(Index rows, const T* a, Index a_stride, T* c, Index c_stride, const T* addend, bool accumulate) const {
    kernels::Gemm<T> g;
    g.m = rows;
    g.n = kPanel;
    g.k = k_;
    g.a = a;
    g.lda = a_stride;
    g.b = std::as_const(data_).template data<T>();
    g.ldb = kPanel;
    g.c = c;
    g.ldc = c_stride;
    g.addend = addend;
    g.accumulate = accumulate;
    g.batch_inner = n_ / kPanel;
    g.b_inner = k_ * kPanel;
    g.c_inner = kPanel;
    kernels::active<T>().gemm(g);
    const Index whole = g.batch_inner * kPanel;
    g.n = n_ - whole;
    g.b += whole * k_;
    g.c += whole;
    if (addend) g.addend += whole;
    g.batch_inner = 1;
    kernels::active<T>().gemm(g);
  }

 private:
  Panels(Index k, Index n, DType dtype)
      : k_(k), n_(n), data_(Tensor::empty({(n + kPanel - 1) / kPanel, k, kPanel}, dtype)) {}
  // Calls copy(first column, number of columns, panel) for each panel.
  template <class Copy>
  void fill(const Copy& copy) {
    T* data = data_.template data<T>();
    parallel_for((n_ + kPanel - 1) / kPanel, row_grain(k_ * kPanel), [&](Index begin, Index end) {
      for (Index panel = begin; panel < end; ++panel)
        copy(panel * kPanel, std::min(kPanel, n_ - panel * kPanel), data + panel * k_ * kPanel);
    });
  }

  Index k_, n_;
  Tensor data_;
};

// ---- the walk through time ----

// Divides the batch into parts of at most kMaxRows sequences and calls body(first, count) for each, in parallel. The
// number of parts is a multiple of the number of threads.
template <class Body>
void each_part(Index batch, const Body& body) {
  if (batch == 0) return;
  const Index threads = thread_count(), most = threads * kMaxRows;
  const Index parts = threads * ((batch + most - 1) / most);
  parallel_for(batch, (batch + parts - 1) / parts, [&](Index begin, Index end) { body(begin, end - begin); });
}

// For each step: sets products = W h_before (+ addend), then calls cell(b, t) for each sequence to compute the new
// state. The rows of products and addend have the same size, which may exceed that of W h_before.
template <class T, class Cell>
void walk_forward(Index batch, const Tensor& w, const Before<T>& h, const Rows<T>& products, const T* addend,
                  const Cell& cell) {
  const Index steps = products.steps;
  if (steps == 1) {  // for example the next token of a generation: reads W once
    const Index n = w.size(0), k = w.size(1);
    const T* weights = w.data<T>();
    for (Index b = 0; b < batch; ++b) {
      const T* bias = addend ? addend + b * products.stride() : nullptr;
      kernels::active<T>().matvec(n, k, weights, h.at(b, 0), bias, products.at(b, 0));
      cell(b, 0);
    }
    return;
  }
  const auto panels = Panels<T>::transposed(w);
  each_part(batch, [&](Index first, Index count) {
    for (Index t = 0; t < steps; ++t) {
      T* to = products.at(first, t);
      panels.multiply(count, h.at(first, t), h.stride(t), to, products.stride(),
                      addend ? addend + (to - products.data) : nullptr, false);
      for (Index b = first; b < first + count; ++b) cell(b, t);
    }
  });
}

// For each step from the last to the first: calls cell(b, t) for each sequence to compute dp, then sets dh = dp W. If
// `direct`, adds dp W to dh instead.
template <class T, class Cell>
void walk_backward(Index batch, const Tensor& w, const Rows<T>& dp, T* dh, bool direct, const Cell& cell) {
  const auto panels = Panels<T>::straight(w);
  const Index n = w.size(1);
  each_part(batch, [&](Index first, Index count) {
    for (Index t = dp.steps - 1; t >= 0; --t) {
      for (Index b = first; b < first + count; ++b) cell(b, t);
      panels.multiply(count, dp.at(first, t), dp.stride(), dh + first * n, n, nullptr, direct);
    }
  });
}

// Adds the gradients of w, bias and h0, inputs 1 to 3 of every operation here.
void add_gradients(const Gradients& d, const Tensor& dp, const Tensor& h0, const Tensor& h, const Tensor& dh) {
  if (d[1].needed()) {
    const Tensor before = gather_before(h0, h);
    bool accumulate = false;
    Tensor dw = d[1].target(accumulate);
    dispatch(dp.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::Gemm<T> g;
      g.m = g.lda = dp.size(2);
      g.n = g.ldb = g.ldc = before.size(2);
      g.k = dp.shape().outer(-1);
      g.a = dp.data<T>();
      g.trans_a = true;
      g.b = before.data<T>();
      g.c = dw.data<T>();
      g.accumulate = accumulate;
      kernels::active<T>().gemm(g);
    });
  }
  if (d[2].needed()) d[2].add(sum_to(dp.alias({dp.shape().outer(-1), dp.size(2)}), d[2].shape()));
  if (d[3].needed()) d[3].add(dh);
}

}  // namespace

Tensor rnn(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& h0) {
  const Sizes s = check("rnn", 1, x, w, bias, {{"h0", h0}});
  const Tensor start = or_zeros(h0, {s.batch, s.units}, x.dtype());
  const Tensor addend = or_zeros(bias, {s.units}, x.dtype());
  Tensor h = Tensor::empty({s.batch, s.steps, s.units}, x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *px = x.data<T>(), *pb = addend.data<T>();
    const Rows<T> to = write<T>(h);
    walk_forward<T>(s.batch, w, Before<T>(start, h), to, px, [&](Index b, Index t) {
      kernels::active<T>().accumulate(s.units, pb, to.at(b, t));
      kernels::active<T>().unary(kernels::Unary::kTanh, s.units, to.at(b, t), to.at(b, t));
    });
  });
  record("rnn", h, {x, w, bias, h0}, [s, w = w.detach(), start, h = h.detach()](const Tensor& dy, const Gradients& d) {
    Tensor dx = Tensor::empty(h.shape(), h.dtype()), dh = Tensor::zeros({s.batch, s.units}, h.dtype());
    dispatch(h.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const Rows<const T> ph = read<T>(h), pdy = read<T>(dy);
      const Rows<T> pdx = write<T>(dx);
      T* pdh = dh.data<T>();
      walk_backward<T>(s.batch, w, pdx, pdh, false, [&](Index b, Index t) {
        T* sum = pdh + b * s.units;
        kernels::active<T>().accumulate(s.units, pdy.at(b, t), sum);
        kernels::active<T>().unary_backward(kernels::Unary::kTanh, s.units, ph.at(b, t), ph.at(b, t), sum,
                                            pdx.at(b, t));
      });
    });
    add_gradients(d, dx, start, h, dh);
    d[0].add(dx);
  });
  return h;
}

Tensor gru(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& h0) {
  const Sizes s = check("gru", 3, x, w, bias, {{"h0", h0}});
  const Tensor start = or_zeros(h0, {s.batch, s.units}, x.dtype());
  const Tensor addend = or_zeros(bias, {3 * s.units}, x.dtype());
  Tensor h = Tensor::empty({s.batch, s.steps, s.units}, x.dtype());
  Tensor gates = Tensor::empty({s.batch, s.steps, 4 * s.units}, x.dtype());  // r, z, p_n, n
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Rows<const T> px = read<T>(x);
    const T* pb = addend.data<T>();
    const Rows<T> to = write<T>(h), pg = write<T>(gates);
    const Before<T> before(start, h);
    walk_forward<T>(s.batch, w, before, pg, nullptr, [&](Index b, Index t) {
      kernels::active<T>().gru_gates(s.units, px.at(b, t), pb, before.at(b, t), pg.at(b, t), to.at(b, t));
    });
  });
  record("gru", h, {x, w, bias, h0},
         [s, w = w.detach(), start, gates, h = h.detach()](const Tensor& dy, const Gradients& d) {
           const Shape shape{s.batch, s.steps, 3 * s.units};
           Tensor dx = Tensor::empty(shape, h.dtype()), dp = Tensor::empty(shape, h.dtype());
           Tensor dh = Tensor::zeros({s.batch, s.units}, h.dtype());
           dispatch(h.dtype(), [&](auto zero) {
             using T = decltype(zero);
             const Rows<const T> pg = read<T>(gates), pdy = read<T>(dy);
             const Before<T> before(start, h);
             const Rows<T> pdx = write<T>(dx), pdp = write<T>(dp);
             T* pdh = dh.data<T>();
             walk_backward<T>(s.batch, w, pdp, pdh, true, [&](Index b, Index t) {
               kernels::active<T>().gru_gates_backward(s.units, pg.at(b, t), before.at(b, t), pdy.at(b, t),
                                                       pdh + b * s.units, pdx.at(b, t), pdp.at(b, t));
             });
           });
           add_gradients(d, dp, start, h, dh);
           d[0].add(dx);
         });
  return h;
}

Tensor lstm(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& h0, const Tensor& c0,
            Tensor* last_cell) {
  const Sizes s = check("lstm", 4, x, w, bias, {{"h0", h0}, {"c0", c0}});
  const Tensor start = or_zeros(h0, {s.batch, s.units}, x.dtype());
  const Tensor start_c = or_zeros(c0, {s.batch, s.units}, x.dtype());
  const Tensor addend = or_zeros(bias, {4 * s.units}, x.dtype());
  const Shape shape{s.batch, s.steps, s.units};
  Tensor h = Tensor::empty(shape, x.dtype()), c = Tensor::empty(shape, x.dtype());
  Tensor tanh_c = Tensor::empty(shape, x.dtype());
  Tensor gates = Tensor::empty({s.batch, s.steps, 4 * s.units}, x.dtype());  // i, f, g, o
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *px = x.data<T>(), *pb = addend.data<T>();
    const Rows<T> to = write<T>(h), to_c = write<T>(c), to_tanh = write<T>(tanh_c), pg = write<T>(gates);
    const Before<T> before_c(start_c, c);
    walk_forward<T>(s.batch, w, Before<T>(start, h), pg, px, [&](Index b, Index t) {
      kernels::active<T>().lstm_gates(s.units, pb, before_c.at(b, t), pg.at(b, t), to_c.at(b, t), to_tanh.at(b, t),
                                      to.at(b, t));
    });
  });
  // The gradient of *last_cell: written by the backward function of *last_cell, then read by that of h.
  const auto dlast = std::allocate_shared<Tensor>(PoolAllocator<Tensor>());
  record("lstm", h, {x, w, bias, h0, c0},
         [s, w = w.detach(), start, start_c, gates, c = c.detach(), tanh_c, h = h.detach(), dlast](const Tensor& dy,
                                                                                                   const Gradients& d) {
           Tensor dx = Tensor::empty(gates.shape(), h.dtype());
           Tensor dh = Tensor::zeros({s.batch, s.units}, h.dtype());
           Tensor dc = dlast->defined() ? dlast->clone() : Tensor::zeros({s.batch, s.units}, h.dtype());
           dispatch(h.dtype(), [&](auto zero) {
             using T = decltype(zero);
             const Rows<const T> pg = read<T>(gates), pt = read<T>(tanh_c), pdy = read<T>(dy);
             const Before<T> before_c(start_c, c);
             const Rows<T> pdx = write<T>(dx);
             T *pdh = dh.data<T>(), *pdc = dc.data<T>();
             walk_backward<T>(s.batch, w, pdx, pdh, false, [&](Index b, Index t) {
               kernels::active<T>().lstm_gates_backward(s.units, pg.at(b, t), before_c.at(b, t), pt.at(b, t),
                                                        pdy.at(b, t), pdh + b * s.units, pdc + b * s.units,
                                                        pdx.at(b, t));
             });
           });
           add_gradients(d, dx, start, h, dh);
           d[0].add(dx);
           if (d[4].needed()) d[4].add(dc);
         });
  if (last_cell) {
    *last_cell = s.steps == 0 ? start_c.clone() : Tensor::empty({s.batch, s.units}, x.dtype());
    dispatch(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const Rows<const T> from = read<T>(c);
      T* to = last_cell->data<T>();
      for (Index b = 0; b < s.batch && s.steps > 0; ++b)
        std::copy_n(from.at(b, s.steps - 1), s.units, to + b * s.units);
    });
    // h is an input so that the tape runs h's entry after this one, even if the loss does not depend on h.
    record("lstm", *last_cell, {h}, [dlast, shape, dtype = h.dtype()](const Tensor& dy, const Gradients& d) {
      *dlast = dy.detach();
      d[0].add(Tensor::zeros(shape, dtype));
    });
  }
  return h;
}

}  // namespace headlight
