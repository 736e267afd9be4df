// Layer norm and RMS norm over the last axis. Formulas and derivatives stand at their kernels (kernels/kernels.h).
#include <utility>

#include "headlight/autograd/saved.h"
#include "ops/common.h"

namespace headlight {

namespace {

// Rows whose gamma and beta gradients are summed one after another; the pieces are then added in order, so that the
// sums do not depend on the number of threads.
constexpr Index kPiece = 128;

void check(const char* operation, const Tensor& x, const Tensor& weight, const char* which) {
  if (x.rank() < 1) fail(operation, ": needs at least one axis");
  check_same_dtype(operation, x, weight);
  if (!(weight.shape() == Shape{x.size(-1)}))
    fail(operation, ": ", which, " is ", weight.shape(), " and x ", x.shape(), "; it should be [", x.size(-1), "]");
}

// Where the backward pass of a norm writes the gradient of x [rows, n]: at once into what collects it, or where something
// was collected already, into a tensor of its own, from which each piece is added while it is in the cache.
struct InputGradient {
  Tensor dx, sum;  // sum is not defined where nothing is to be added

  InputGradient(Gradient d, const Tensor& x) {
    bool accumulate = true;
    Tensor target = d.needed() ? d.target(accumulate) : Tensor();
    if (!accumulate) dx = target;
    else dx = Tensor::empty(x.shape(), x.dtype()), sum = target;
  }
  template <class T>
  void add(Index begin, Index count) {
    if (sum.defined())
      kernels::active<T>().accumulate(count, std::as_const(dx).data<T>() + begin, sum.data<T>() + begin);
  }
};

// Runs body(first row, rows, piece) over pieces of the rows.
template <class Body>
Index each_piece(Index rows, const Body& body) {
  parallel_for(rows, kPiece, [&](Index begin, Index end) {
    // One chunk may be the whole range when there is one piece only; else chunks are the pieces.
    body(begin, end - begin, begin / kPiece);
  });
  return (rows + kPiece - 1) / kPiece;
}

// mean and rstd [rows] are written too.
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
         [x = x.detach(), gamma = gamma.detach(), mean, rstd](const Tensor& dy, const Gradients& d) {
           const Index width = x.size(-1), count = mean.numel();
           InputGradient out(d[0], x);
           const Index pieces = (count + kPiece - 1) / kPiece;
           // One row of partial sums a piece: gamma's and beta's.
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
  recomputable(y, [x = x.detach(), gamma = gamma.detach(), beta = beta.detach(), eps, mean, rstd]() mutable {
    return layer_normalized(x, gamma, beta, eps, mean, rstd);
  });
  return y;
}

Tensor rms_norm(const Tensor& x, const Tensor& gamma, double eps) {
  check("rms_norm", x, gamma, "gamma");
  Tensor rstd = Tensor::empty({x.shape().outer(-1)}, x.dtype());
  Tensor y = rms_normalized(x, gamma, eps, rstd);
  record("rms_norm", y, {x, gamma},
         [x = x.detach(), gamma = gamma.detach(), rstd](const Tensor& dy, const Gradients& d) {
           const Index width = x.size(-1), count = rstd.numel();
           InputGradient out(d[0], x);
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
  recomputable(
      y, [x = x.detach(), gamma = gamma.detach(), eps, rstd]() mutable { return rms_normalized(x, gamma, eps, rstd); });
  return y;
}

}  // namespace headlight
