// Inverted dropout. The mask is a function of a random key and the element's index (kernels/kernels.h). The backward
// pass applies the same mask to the gradient, so only the key is saved.
#include <utility>

#include "ops/common.h"

namespace headlight {

Tensor apply_dropout(const Tensor& x, double p, std::uint64_t key) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  const auto threshold = static_cast<std::uint32_t>(p * 0x1p24);
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    T* py = y.data<T>();
    parallel_for(x.numel(), kGrain, [&](Index begin, Index end) {
      kernels::active<T>().dropout(end - begin, key, begin, threshold, static_cast<T>(1 / (1 - p)), px + begin,
                                   py + begin);
    });
  });
  return y;
}

Tensor add_dropped(Tensor y, double p, const Tensor& residual) {
  const std::uint64_t key = generator().next();
  Tensor sum = overwritten(y);
  const auto threshold = static_cast<std::uint32_t>(p * 0x1p24);
  dispatch(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *py = std::as_const(y).data<T>(), *pr = residual.data<T>();
    T* ps = sum.data<T>();
    const auto& table = kernels::active<T>();
    parallel_for(y.numel(), kGrain, [&](Index begin, Index end) {
      table.dropout(end - begin, key, begin, threshold, static_cast<T>(1 / (1 - p)), py + begin, ps + begin);
      table.accumulate(end - begin, pr + begin, ps + begin);
    });
  });
  record("dropout", sum, {y, residual}, [p, key](const Tensor& dy, const Gradients& d) {
    d[1].add(dy);
    d[0].add(apply_dropout(dy, p, key));
  });
  return sum;
}

Tensor dropout(const Tensor& x, double p) {
  if (!(p >= 0 && p < 1)) fail("dropout: probability ", p, " is outside [0, 1)");
  const std::uint64_t key = generator().next();
  Tensor y = apply_dropout(x, p, key);
  record("dropout", y, {x}, [p, key](const Tensor& dy, const Gradients& d) { d[0].add(apply_dropout(dy, p, key)); });
  return y;
}

}  // namespace headlight
