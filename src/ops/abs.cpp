// y = |x|;   dx = dy sign(x), with sign(0) = 0
#include <cmath>

#include "ops/map.h"

namespace headlight {

Tensor abs(const Tensor& x) {
  Tensor y = map([](auto v) { return std::abs(v); }, x);
  record("abs", y, {x}, [x = x.detach()](const Tensor& dy, const Gradients& d) {
    d[0].add(map([](auto g, auto v) { return v > 0 ? g : v < 0 ? -g : decltype(g){0}; }, dy, x));
  });
  return y;
}

}  // namespace headlight
