// y = min(max(x, low), high);   dx = dy where low <= x <= high, else 0
#include "ops/map.h"

namespace headlight {

Tensor clamp(const Tensor& x, double low, double high) {
  // The comparisons are false for NaN, so that NaN stays NaN. With low > high the result is high, as in PyTorch.
  Tensor y = map(
      [=](auto v) {
        using T = decltype(v);
        const T above = v < static_cast<T>(low) ? static_cast<T>(low) : v;
        return above > static_cast<T>(high) ? static_cast<T>(high) : above;
      },
      x);
  record("clamp", y, {x}, [x = x.detach(), low, high](const Tensor& dy, const Gradients& d) {
    d[0].add(map(
        [=](auto g, auto v) {
          using T = decltype(v);
          return v >= static_cast<T>(low) && v <= static_cast<T>(high) ? g : T{0};
        },
        dy, x));
  });
  return y;
}

}  // namespace headlight
