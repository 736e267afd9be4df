// matmul and linear: C = s op(A) op(B), batched, where op(X) is X or X^T.
//
//   op(A) = A:     dA = s dC op(B)^T       op(B) = B:     dB = s op(A)^T dC
//   op(A) = A^T:   dA = s op(B) dC^T       op(B) = B^T:   dB = s dC^T op(A)
#include <algorithm>

#include "headlight/autograd/saved.h"
#include "ops/common.h"

namespace headlight {

namespace {

// A tensor [...,rows,cols] as a batch of matrices over two batch axes.
struct Matrices {
  Index outer = 1, inner = 1, rows = 0, cols = 0;

  explicit Matrices(const Shape& s) : rows(s[-2]), cols(s[-1]) {
    if (s.rank() >= 3) inner = s[-3];
    if (s.rank() == 4) outer = s[-4];
  }
  // Stride in elements from one matrix to the next along a batch axis; 0 repeats the matrix.
  Index inner_step() const { return inner == 1 ? 0 : rows * cols; }
  Index outer_step() const { return outer == 1 ? 0 : inner * rows * cols; }
};

// c = scale op(a) op(b) (+ c) (+ bias in every row) (+ addend).
void product(const Tensor& a, bool trans_a, const Tensor& b, bool trans_b, double scale, Tensor& c, bool accumulate,
             Precision precision, const Tensor& bias = {}, const Tensor& addend = {}) {
  const Matrices ma(a.shape()), mb(b.shape()), mc(c.shape());
  dispatch(c.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::Gemm<T> g;
    g.m = mc.rows;
    g.n = mc.cols;
    g.k = trans_a ? ma.rows : ma.cols;
    g.a = a.data<T>();
    g.lda = ma.cols;
    g.trans_a = trans_a;
    g.b = b.data<T>();
    g.ldb = mb.cols;
    g.trans_b = trans_b;
    g.c = c.data<T>();
    g.ldc = mc.cols;
    g.alpha = static_cast<T>(scale);
    g.accumulate = accumulate;
    if (bias.defined()) g.bias = bias.data<T>();
    if (addend.defined()) g.addend = addend.data<T>();
    g.batch_outer = mc.outer;
    g.batch_inner = mc.inner;
    g.a_outer = ma.outer_step();
    g.a_inner = ma.inner_step();
    g.b_outer = mb.outer_step();
    g.b_inner = mb.inner_step();
    g.c_outer = mc.inner * mc.rows * mc.cols;
    g.c_inner = mc.rows * mc.cols;
    gemm(g, precision);
  });
}

// Adds scale op(x) op(y), a product of shape `full`, to the gradient of one factor. If the factor has the same number
// of elements, the product is added in place. Otherwise the factor was broadcast, and the product is first summed over
// the batches.
void add_product(Gradient d, const Tensor& x, bool trans_x, const Tensor& y, bool trans_y, double scale,
                 const Shape& full, Precision precision) {
  if (!d.needed()) return;
  if (full.numel() == d.shape().numel()) {
    bool accumulate = false;
    Tensor target = d.target(accumulate).alias(full);
    product(x, trans_x, y, trans_y, scale, target, accumulate, precision);
    return;
  }
  Tensor each = Tensor::empty(full, x.dtype());
  product(x, trans_x, y, trans_y, scale, each, false, precision);
  d.add(sum_to(each, d.shape()));
}

// x = x w for square w: copies a block of rows at a time.
void multiply_rows_in_place(Tensor& x, const Tensor& w, Precision precision) {
  constexpr Index kRows = 384;  // at a time: the copy stays in the level 2 cache
  const Index n = w.size(0), rows = x.shape().outer(-1);
  Tensor block = Tensor::empty({kRows, n}, x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T *px = x.data<T>(), *copy = block.data<T>();
    for (Index begin = 0; begin < rows; begin += kRows) {
      const Index count = std::min(kRows, rows - begin);
      T* at = px + begin * n;
      parallel_for(count * n, kGrain,
                   [&](Index first, Index end) { std::copy_n(at + first, end - first, copy + first); });
      kernels::Gemm<T> g;
      g.m = count, g.n = n, g.k = n;
      g.a = copy, g.lda = n;
      g.b = w.data<T>(), g.ldb = n;
      g.c = at, g.ldc = n;
      gemm(g, precision);
    }
  });
}

// [...,m,k] -> [all rows,k]: if the other factor is a single matrix, one large product replaces many small ones.
Tensor as_one_matrix(const Tensor& x) { return x.alias({x.shape().outer(-1), x.size(-1)}); }

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& o) {
  check_same_dtype("matmul", a, b);
  if (a.rank() < 2 || b.rank() < 2) fail("matmul: needs matrices: ", a.shape(), " x ", b.shape());
  const Index m = a.size(o.transpose_a ? -1 : -2), k = a.size(o.transpose_a ? -2 : -1);
  const Index k_b = b.size(o.transpose_b ? -1 : -2), n = b.size(o.transpose_b ? -2 : -1);
  if (k != k_b)
    fail("matmul: inner sizes differ: ", a.shape(), o.transpose_a ? "^T" : "", " x ", b.shape(),
         o.transpose_b ? "^T" : "");
  for (int axis = -3; axis >= -a.rank() && axis >= -b.rank(); --axis)
    if (a.size(axis) != b.size(axis) && a.size(axis) != 1 && b.size(axis) != 1)
      fail("matmul: batches do not broadcast: ", a.shape(), " x ", b.shape(), " (axis ", axis, ": ", a.size(axis),
           " and ", b.size(axis), ")");
  // The batch axes broadcast; the last two axes are m and n.
  const Shape result =
      broadcast(a.shape().with(-2, 1).with(-1, 1), b.shape().with(-2, 1).with(-1, 1), "matmul").with(-2, m).with(-1, n);
  Tensor c = Tensor::empty(result, a.dtype());
  const Precision precision = default_precision();
  const bool one_matrix = b.rank() == 2 && a.rank() > 2 && !o.transpose_a;
  if (one_matrix) {
    const Tensor rows_a = as_one_matrix(a);
    Tensor rows_c = c.alias({rows_a.size(0), n});
    product(rows_a, false, b, o.transpose_b, o.scale, rows_c, false, precision);
  } else {
    product(a, o.transpose_a, b, o.transpose_b, o.scale, c, false, precision);
  }
  record("matmul", c, {a, b},
         [a = a.detach(), b = b.detach(), o, one_matrix, precision](const Tensor& dc, const Gradients& d) {
           const bool ta = o.transpose_a, tb = o.transpose_b;
           const auto batched = [&](const Tensor& factor) {
             return dc.shape().with(-2, factor.size(-2)).with(-1, factor.size(-1));
           };
           if (!ta) add_product(d[0], dc, false, b, !tb, o.scale, batched(a), precision);
           else add_product(d[0], b, tb, dc, true, o.scale, batched(a), precision);
           if (!d[1].needed()) return;
           const Tensor rows_a = one_matrix ? as_one_matrix(a) : a;
           const Tensor rows_dc = one_matrix ? dc.alias({rows_a.size(0), dc.size(-1)}) : dc;
           const Shape full = one_matrix ? b.shape() : batched(b);
           if (!tb) add_product(d[1], rows_a, !ta, rows_dc, false, o.scale, full, precision);
           else add_product(d[1], rows_dc, true, rows_a, ta, o.scale, full, precision);
         });
  return c;
}

// y = addend + x w^T + bias:  dx = dy w,  dw = dy^T x,  dbias = sum of dy over all rows,  daddend = dy
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& addend) {
  check_same_dtype("linear", x, w);
  if (x.rank() < 1 || w.rank() != 2 || x.size(-1) != w.size(1))
    fail("linear: input sizes differ: x ", x.shape(), ", w ", w.shape(), " (w is [out,in])");
  if (bias.defined()) check_same_dtype("linear", x, bias);
  if (bias.defined() && !(bias.shape() == Shape{w.size(0)}))
    fail("linear: bias is ", bias.shape(), " and should be [", w.size(0), "]");
  Tensor y = Tensor::empty(x.shape().with(-1, w.size(0)), x.dtype());
  if (addend.defined()) check_same_dtype("linear", x, addend);
  if (addend.defined() && !(addend.shape() == y.shape()))
    fail("linear: the addend is ", addend.shape(), " and should be ", y.shape(), ", the shape of the result");
  const Index in = w.size(1), out = w.size(0), rows = x.shape().outer(-1);
  Tensor flat = y.alias({rows, out});
  const Precision precision = default_precision();
  product(x.alias({rows, in}), false, w.detach(), true, 1, flat, false, precision, bias, addend);
  record("linear", y, {x, w, bias, addend},
         [x = Saved(x), w = w.detach(), precision, slot = x.slot().get()](const Tensor& dy, const Gradients& d) {
           const Index n = dy.shape().outer(-1);
           // dx overwrites dy if both have one shape, nothing else reads dy, and x has no gradient yet.
           const bool in_place = d[0].needed() && !d[3].needed() && w.size(0) == w.size(1) && dy.unique() &&
                                 !slot->grad.defined() &&
                                 static_cast<std::size_t>(dy.numel()) * element_bytes(dy.dtype()) >= recompute_bytes();
           const Tensor dy_rows = dy.alias({n, w.size(0)});
           // The weight's gradient first, so that a recomputed x is freed before the gradient of x is allocated.
           if (d[1].needed())
             add_product(d[1], dy_rows, true, x.get().alias({n, w.size(1)}), false, 1, w.shape(), precision);
           if (d[2].needed()) d[2].add(sum_to(dy_rows, d[2].shape()));
           if (in_place) {
             Tensor dx = dy.alias(d[0].shape());
             multiply_rows_in_place(dx, w, precision);
             d[0].add(dx);
             return;
           }
           add_product(d[0], dy_rows, false, w, false, 1, {n, w.size(1)}, precision);
           if (d[3].needed()) d[3].add(dy);
         });
  return y;
}

}  // namespace headlight
