// Layer norm (Ba, Kiros, Hinton 2016) and RMS norm (Zhang, Sennrich 2019) over the last axis.
//
// Derivation of layer norm's backward pass for one row of n elements, by the chain rule (dx means dL/dx):
//   xhat_i = (x_i - mean) r,  r = 1 / sqrt(var + eps),  y_i = gamma_i xhat_i + beta_i,  h_i = dL/dxhat_i = gamma_i dy_i
// Each x_j changes every xhat_i, because mean and var = average((x - mean)^2) depend on all elements:
//   dmean/dx_j = 1/n
//   dvar/dx_j  = 2 (x_j - mean) / n                  the term through mean vanishes: sum_i (x_i - mean) = 0
//   dr/dx_j    = -r^3/2 dvar/dx_j = -r^2 xhat_j / n
//   dxhat_i/dx_j = ([i = j] - 1/n) r + (x_i - mean) dr/dx_j = r ([i = j] - 1/n - xhat_i xhat_j / n)
// Multiplying by h_i and summing over i gives
//   dx_j = r (h_j - average(h) - xhat_j average(h xhat))
// dgamma_i and dbeta_i are the sums of dy_i xhat_i and dy_i over all rows.
// RMS norm has xhat_i = x_i r, r = 1 / sqrt(average(x^2) + eps), so the 1/n term is absent:
//   dx_j = r (h_j - xhat_j average(h xhat))
#include <utility>

#include "headlight/autograd/saved.h"
#include "ops/common.h"

namespace headlight {

namespace {

// Rows per piece. The gradients of gamma and beta are summed within each piece, then over the pieces in order, so that
// the sums do not depend on the number of threads.
constexpr Index kPiece = 128;

void check(const char* operation, const Tensor& x, const Tensor& weight, const char* which) {
  if (x.rank() < 1) fail(operation, ": needs at least one axis");
  check_same_dtype(operation, x, weight);
  if (!(weight.shape() == Shape{x.size(-1)}))
    fail(operation, ": ", which, " is ", weight.shape(), " and x ", x.shape(), "; it should be [", x.size(-1), "]");
}

// The output of a norm's backward pass for x [rows,n]. dx overwrites dy if possible, because the kernels read each
// element of dy before they write the same element of dx. If x already has a gradient, add() adds each piece to the
// gradient while the piece is in the cache. `slot` is that of x.
struct InputGradient {
  Tensor dx, sum;  // sum is undefined if there is nothing to add to

  InputGradient(Gradient d, const Tensor& dy, const GradSlot* slot) {
    bool accumulate = false;
    if (d.needed() && !slot->grad.defined() && slot->tape == 0) {
      dx = d.target(accumulate);  // a leaf owns its gradient
      return;
    }
    dx = overwritten(dy);
    if (!d.needed()) return;
    if (slot->grad.defined()) sum = d.target(accumulate);
    else d.add(dx);  // the first gradient of x shares the storage of dx, which the kernel fills later
  }
  template <class T>
  void add(Index begin, Index count) {
    if (sum.defined())
      kernels::active<T>().accumulate(count, std::as_const(dx).data<T>() + begin, sum.data<T>() + begin);
  }
};

// Calls body(first row, number of rows, piece index) for each piece of kPiece rows, in parallel; returns their number.
template <class Body>
Index each_piece(Index rows, const Body& body) {
  parallel_for(rows, kPiece, [&](Index begin, Index end) {
    // parallel_for's chunks are the pieces, because the grain is kPiece.
    body(begin, end - begin, begin / kPiece);
  });
  return (rows + kPiece - 1) / kPiece;
}

// Returns layer_norm(x); also writes mean and rstd = 1 / sqrt(variance + eps), both [rows].
Tensor layer_normalized(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps, Tensor& mean,
                        Tensor& rstd) {
  const Index n = x.size(-1);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *px = x.data<T>(), *pg = gamma.data<T>(), *pb = beta.data<T>();
    T *py = y.data<T>(), *pm = mean.data<T>(), *pr = rstd.data<T>();
    parallel_for(x.shape().outer(-1), row_grain(n), [&](Index begin, Index end) {
      kernels::active<T>().layer_norm(end - begin, n, px + begin * n, pg, pb, static_cast<T>(eps), py + begin * n,
                                      pm + begin, pr + begin);
    });
  });
  return y;
}

// Returns rms_norm(x); also writes rstd = 1 / sqrt(mean(x^2) + eps), [rows].
Tensor rms_normalized(const Tensor& x, const Tensor& gamma, double eps, Tensor& rstd) {
  const Index n = x.size(-1);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *px = x.data<T>(), *pg = gamma.data<T>();
    T *py = y.data<T>(), *pr = rstd.data<T>();
    parallel_for(x.shape().outer(-1), row_grain(n), [&](Index begin, Index end) {
      kernels::active<T>().rms_norm(end - begin, n, px + begin * n, pg, static_cast<T>(eps), py + begin * n,
                                    pr + begin);
    });
  });
  return y;
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  check("layer_norm", x, gamma, "gamma");
  check("layer_norm", x, beta, "beta");
  const Index rows = x.shape().outer(-1);
  Tensor mean = Tensor::empty({rows}, x.dtype()), rstd = Tensor::empty({rows}, x.dtype());
  Tensor y = layer_normalized(x, gamma, beta, eps, mean, rstd);
  record("layer_norm", y, {x, gamma, beta},
         [x = x.detach(), gamma = gamma.detach(), mean, rstd, slot = x.slot().get()](const Tensor& dy,
                                                                                     const Gradients& d) {
           const Index width = x.size(-1), count = mean.numel();
           InputGradient out(d[0], dy, slot);
           const Index pieces = (count + kPiece - 1) / kPiece;
           // Partial sums: one row per piece.
           Tensor dgamma = Tensor::zeros({pieces, width}, x.dtype()), dbeta = Tensor::zeros({pieces, width}, x.dtype());
           dispatch(x.dtype(), [&](auto zero) {
             using T = decltype(zero);
             const T *px = x.data<T>(), *pg = gamma.data<T>(), *pm = mean.data<T>(), *pr = rstd.data<T>();
             const T* pdy = dy.data<T>();
             T *pdx = out.dx.data<T>(), *pdg = dgamma.data<T>(), *pdb = dbeta.data<T>();
             each_piece(count, [&](Index first, Index size, Index piece) {
               kernels::active<T>().layer_norm_backward(size, width, px + first * width, pg, pm + first, pr + first,
                                                        pdy + first * width, pdx + first * width, pdg + piece * width,
                                                        pdb + piece * width);
               out.add<T>(first * width, size * width);
             });
           });
           if (d[1].needed()) d[1].add(sum_to(dgamma, d[1].shape()));
           if (d[2].needed()) d[2].add(sum_to(dbeta, d[2].shape()));
         });
  rematerializable(y, [x = x.detach(), gamma = gamma.detach(), beta = beta.detach(), eps, mean, rstd]() mutable {
    return layer_normalized(x, gamma, beta, eps, mean, rstd);
  });
  return y;
}

Tensor rms_norm(const Tensor& x, const Tensor& gamma, double eps) {
  check("rms_norm", x, gamma, "gamma");
  Tensor rstd = Tensor::empty({x.shape().outer(-1)}, x.dtype());
  Tensor y = rms_normalized(x, gamma, eps, rstd);
  record("rms_norm", y, {x, gamma},
         [x = x.detach(), gamma = gamma.detach(), rstd, slot = x.slot().get()](const Tensor& dy, const Gradients& d) {
           const Index width = x.size(-1), count = rstd.numel();
           InputGradient out(d[0], dy, slot);
           Tensor dgamma = Tensor::zeros({(count + kPiece - 1) / kPiece, width}, x.dtype());
           dispatch(x.dtype(), [&](auto zero) {
             using T = decltype(zero);
             const T *px = x.data<T>(), *pg = gamma.data<T>(), *pr = rstd.data<T>(), *pdy = dy.data<T>();
             T *pdx = out.dx.data<T>(), *pdg = dgamma.data<T>();
             each_piece(count, [&](Index first, Index size, Index piece) {
               kernels::active<T>().rms_norm_backward(size, width, px + first * width, pg, pr + first,
                                                      pdy + first * width, pdx + first * width, pdg + piece * width);
               out.add<T>(first * width, size * width);
             });
           });
           if (d[1].needed()) d[1].add(sum_to(dgamma, d[1].shape()));
         });
  rematerializable(
      y, [x = x.detach(), gamma = gamma.detach(), eps, rstd]() mutable { return rms_normalized(x, gamma, eps, rstd); });
  return y;
}

}  // namespace headlight
