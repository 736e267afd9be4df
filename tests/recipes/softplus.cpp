// y = log(1 + e^x);   dx = dy / (1 + e^-x)
#include <cmath>

#include "ops/common.h"

namespace headlight {

Tensor softplus(const Tensor& x) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);  // float, or double in gradcheck
    const T* px = x.data<T>();
    T* py = y.data<T>();
    parallel_for(x.numel(), kGrain, [&](Index begin, Index end) {
      // With e^-|x| nothing overflows.
      for (Index i = begin; i < end; ++i) py[i] = std::max(px[i], T{0}) + std::log1p(std::exp(-std::abs(px[i])));
    });
  });
  // The function captures what the backward pass needs: x, and nothing else.
  record("softplus", y, {x}, [x = x.detach()](const Tensor& dy, const Gradients& d) { d[0].add(mul(dy, sigmoid(x))); });
  return y;
}

}  // namespace headlight
