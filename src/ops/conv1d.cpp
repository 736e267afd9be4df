// Causal convolution along a sequence: y_t = bias + sum_k W_k x_{t - (K-1-k) dilation}, where x is 0 before t = 0.
//
// Let u_t be the concatenation of the K inputs that y_t depends on. The convolution is then one matrix product, and the
// derivatives are those of a linear layer:
//   y_t = bias + W u_t;   du_t = W^T dy_t,  dW = sum_t dy_t u_t^T,  dbias = sum_t dy_t
//   x_t is tap k of u_{t + (K-1-k) dilation}:  dx_t = sum_k (tap k of du_{t + (K-1-k) dilation})
// The rows u_t are not saved: the backward pass recomputes them from x. With groups, u_t [groups, K, C/groups] holds
// the taps of each group together, and there is one product per group.
#include <algorithm>
#include <utility>

#include "headlight/autograd/saved.h"
#include "ops/common.h"

namespace headlight {

namespace {

struct Sizes {
  Index batch, steps, in, out, taps, dilation, groups;

  Index rows() const { return batch * steps; }
  Index group_in() const { return in / groups; }
  Index group_out() const { return out / groups; }
  Index group_taps() const { return taps * group_in(); }  // columns of w
};

Sizes check(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv1dOptions& o) {
  check_same_dtype("conv1d", x, w);
  if (o.dilation < 1 || o.groups < 1)
    fail("conv1d: dilation ", o.dilation, " and groups ", o.groups, " must be at least 1");
  if (x.rank() != 3 || w.rank() != 2)
    fail("conv1d: x is ", x.shape(), " and w ", w.shape(), "; pass [B,T,C] and [O,K*C]");
  Sizes s{x.size(0), x.size(1), x.size(2), w.size(0), 1, o.dilation, o.groups};
  if (s.in % s.groups != 0 || s.out % s.groups != 0)
    fail("conv1d: ", s.groups, " groups do not divide the channels of x ", x.shape(), " and w ", w.shape());
  const Index columns = w.size(1);
  if (s.in > 0) s.taps = columns / s.group_in();
  if (s.taps < 1 || s.group_taps() != columns)
    fail("conv1d: w is ", w.shape(), " and should have a multiple of ", s.group_in(), " columns for x ", x.shape());
  if (!bias.defined()) return s;
  check_same_dtype("conv1d", x, bias);
  if (!(bias.shape() == Shape{s.out})) fail("conv1d: bias is ", bias.shape(), " and should be [", s.out, "]");
  return s;
}

// Calls body(b, t) for the steps of all sequences, in parallel.
template <class Body>
void each_step(const Sizes& s, const Body& body) {
  parallel_for(s.rows(), row_grain(s.taps * s.in), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) body(r / s.steps, r % s.steps);
  });
}

// The rows u_t of all steps: x [B,T,C] -> [B*T, groups*K*C/groups].
Tensor unfold(const Sizes& s, const Tensor& x) {
  if (s.taps == 1) return x.alias({s.rows(), s.in});
  Tensor u = Tensor::empty({s.rows(), s.taps * s.in}, x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    T* pu = u.data<T>();
    const Index n = s.group_in();
    each_step(s, [&](Index b, Index t) {
      T* to = pu + (b * s.steps + t) * s.taps * s.in;
      for (Index g = 0; g < s.groups; ++g) {
        for (Index k = 0; k < s.taps; ++k, to += n) {
          const Index from = t - (s.taps - 1 - k) * s.dilation;
          if (from < 0) std::fill_n(to, n, T{0});
          else std::copy_n(px + (b * s.steps + from) * s.in + g * n, n, to);
        }
      }
    });
  });
  return u;
}

// The transpose of unfold(): sums the rows du_t into dx [B,T,C].
Tensor fold(const Sizes& s, const Tensor& du) {
  if (s.taps == 1) return du.alias({s.batch, s.steps, s.in});
  Tensor dx = Tensor::empty({s.batch, s.steps, s.in}, du.dtype());
  dispatch(du.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* pdu = du.data<T>();
    T* pdx = dx.data<T>();
    const Index n = s.group_in();
    each_step(s, [&](Index b, Index t) {
      T* to = pdx + (b * s.steps + t) * s.in;
      for (Index g = 0; g < s.groups; ++g, to += n) {
        for (Index k = s.taps - 1; k >= 0; --k) {  // the newest tap exists for every t
          const Index at = t + (s.taps - 1 - k) * s.dilation;
          if (at >= s.steps) break;
          const T* from = pdu + ((b * s.steps + at) * s.groups + g) * s.taps * n + k * n;
          if (k == s.taps - 1) std::copy_n(from, n, to);
          else kernels::active<T>().accumulate(n, from, to);
        }
      }
    });
  });
  return dx;
}

// Strides in elements from one group to the next.
struct Strides {
  Index a, b, c;
};
// Computes one product per group.
template <class T>
void multiply(const Sizes& s, kernels::Gemm<T> g, const Strides& to_next, Precision precision) {
  g.batch_inner = s.groups;
  g.a_inner = to_next.a;
  g.b_inner = to_next.b;
  g.c_inner = to_next.c;
  gemm(g, precision);
}

}  // namespace

Tensor conv1d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv1dOptions& options) {
  const Sizes s = check(x, w, bias, options);
  Tensor y = Tensor::empty({s.batch, s.steps, s.out}, x.dtype());
  const Tensor u = unfold(s, x.detach());
  const Precision precision = default_precision();
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::Gemm<T> g{.m = s.rows(), .n = s.group_out(), .k = s.group_taps()};
    g.a = u.data<T>();
    g.lda = s.taps * s.in;
    g.b = w.data<T>();
    g.ldb = s.group_taps();
    g.trans_b = true;
    g.c = y.data<T>();
    g.ldc = s.out;
    if (bias.defined() && s.groups == 1) {
      g.bias = bias.data<T>();
    } else if (bias.defined()) {  // gemm would add the same bias to every group
      const T* pb = bias.data<T>();
      parallel_for(s.rows(), row_grain(s.out), [&](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) std::copy_n(pb, s.out, g.c + r * s.out);
      });
      g.accumulate = true;
    }
    multiply(s, g, {s.group_taps(), s.group_out() * s.group_taps(), s.group_out()}, precision);
  });
  record("conv1d", y, {x, w, bias}, [s, x = Saved(x), w = w.detach(), precision](const Tensor& dy, const Gradients& d) {
    dispatch(dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T* pdy = dy.data<T>();
      if (d[1].needed()) {
        const Tensor rows = unfold(s, x.get());
        bool accumulate = false;
        Tensor dw = d[1].target(accumulate);
        kernels::Gemm<T> g{.m = s.group_out(), .n = s.group_taps(), .k = s.rows()};
        g.a = pdy;
        g.lda = s.out;
        g.trans_a = true;
        g.b = rows.data<T>();
        g.ldb = s.taps * s.in;
        g.c = dw.data<T>();
        g.ldc = s.group_taps();
        g.accumulate = accumulate;
        multiply(s, g, {s.group_out(), s.group_taps(), s.group_out() * s.group_taps()}, precision);
      }
      if (d[0].needed()) {
        Tensor du = Tensor::empty({s.rows(), s.taps * s.in}, dy.dtype());
        kernels::Gemm<T> g{.m = s.rows(), .n = s.group_taps(), .k = s.group_out()};
        g.a = pdy;
        g.lda = s.out;
        g.b = w.data<T>();
        g.ldb = s.group_taps();
        g.c = du.data<T>();
        g.ldc = s.taps * s.in;
        multiply(s, g, {s.group_out(), s.group_out() * s.group_taps(), s.group_taps()}, precision);
        d[0].add(fold(s, du));
      }
    });
    if (d[2].needed()) d[2].add(sum_to(dy.alias({s.rows(), s.out}), d[2].shape()));
  });
  return y;
}

}  // namespace headlight
