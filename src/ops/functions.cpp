// Elementwise functions: y = f(x), dx = dy f'(x). kernels/reference/elementwise.h has the formulas of f and f'.
#include "headlight/autograd/saved.h"
#include "ops/common.h"

namespace headlight {

namespace {

using kernels::Unary;

Tensor apply(Unary op, const Tensor& x) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    T* py = y.data<T>();
    parallel_for(x.numel(), kGrain,
                 [&](Index begin, Index end) { kernels::active<T>().unary(op, end - begin, px + begin, py + begin); });
  });
  return y;
}

Tensor derivative(Unary op, const Tensor& x, const Tensor& y, const Tensor& dy) {
  Tensor dx = overwritten(dy);
  dispatch(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    const T* py = y.data<T>();
    const T* pdy = dy.data<T>();
    T* pdx = dx.data<T>();
    parallel_for(dy.numel(), kGrain, [&](Index begin, Index end) {
      kernels::active<T>().unary_backward(op, end - begin, px + begin, py + begin, pdy + begin, pdx + begin);
    });
  });
  return dx;
}

// The tensor saved for the backward pass: x or y, whichever gives the simpler derivative.
enum class Keep { kInput, kOutput };

Tensor unary(Unary op, const char* name, Keep keep, const Tensor& x) {
  Tensor y = apply(op, x);
  const Tensor kept = (keep == Keep::kInput ? x : y).detach();
  record(name, y, {x}, [op, kept](const Tensor& dy, const Gradients& d) { d[0].add(derivative(op, kept, kept, dy)); });
  if (keep == Keep::kInput) rematerializable(y, [op, kept] { return apply(op, kept); });
  return y;
}

// Functions whose derivative is cheap to compute together with the value. If the tensor x is large, y is recomputed
// from x (autograd/saved.h), so x is saved. If x is small, f'(x) is saved instead of x, and the backward pass is one
// product.
Tensor activation(Unary op, const char* name, const Tensor& x) {
  const std::size_t bytes = static_cast<std::size_t>(x.numel()) * element_bytes(x.dtype());
  if (!Tape::current() || !x.requires_grad() || bytes >= recompute_bytes()) return unary(op, name, Keep::kInput, x);
  Tensor y = Tensor::empty(x.shape(), x.dtype()), slope = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    T *py = y.data<T>(), *ps = slope.data<T>();
    parallel_for(x.numel(), kGrain, [&](Index begin, Index end) {
      kernels::active<T>().unary_with_slope(op, end - begin, px + begin, py + begin, ps + begin);
    });
  });
  record(name, y, {x}, [slope](const Tensor& dy, const Gradients& d) {
    Tensor dx = overwritten(dy);
    dispatch(dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T *pdy = dy.data<T>(), *ps = slope.data<T>();
      T* pdx = dx.data<T>();
      parallel_for(dy.numel(), kGrain, [&](Index begin, Index end) {
        kernels::active<T>().binary(kernels::Binary::kMul, end - begin, pdy + begin, 1, ps + begin, 1, pdx + begin);
      });
    });
    d[0].add(dx);
  });
  return y;
}

}  // namespace

Tensor neg(const Tensor& x) {
  Tensor y = apply(Unary::kNeg, x);
  record("neg", y, {x}, [](const Tensor& dy, const Gradients& d) { d[0].add(neg(dy)); });
  return y;
}
Tensor exp(const Tensor& x) { return unary(Unary::kExp, "exp", Keep::kOutput, x); }
Tensor log(const Tensor& x) { return unary(Unary::kLog, "log", Keep::kInput, x); }
Tensor sqrt(const Tensor& x) { return unary(Unary::kSqrt, "sqrt", Keep::kOutput, x); }
Tensor tanh(const Tensor& x) { return unary(Unary::kTanh, "tanh", Keep::kOutput, x); }
Tensor sigmoid(const Tensor& x) { return unary(Unary::kSigmoid, "sigmoid", Keep::kOutput, x); }
Tensor relu(const Tensor& x) { return unary(Unary::kRelu, "relu", Keep::kOutput, x); }  // y > 0 exactly where x > 0
Tensor silu(const Tensor& x) { return activation(Unary::kSilu, "silu", x); }
Tensor gelu(const Tensor& x, Gelu form) {
  return activation(form == Gelu::kTanh ? Unary::kGeluTanh : Unary::kGeluErf, "gelu", x);
}

}  // namespace headlight
