// sin and cos.  d sin(x) = cos(x) dx,  d cos(x) = -sin(x) dx
#include <cmath>

#include "ops/map.h"

namespace headlight {

Tensor sin(const Tensor& x) {
  Tensor y = map([](auto v) { return std::sin(v); }, x);
  record("sin", y, {x}, [x = x.detach()](const Tensor& dy, const Gradients& d) {
    d[0].add(map([](auto g, auto v) { return g * std::cos(v); }, dy, x));
  });
  return y;
}

Tensor cos(const Tensor& x) {
  Tensor y = map([](auto v) { return std::cos(v); }, x);
  record("cos", y, {x}, [x = x.detach()](const Tensor& dy, const Gradients& d) {
    d[0].add(map([](auto g, auto v) { return -g * std::sin(v); }, dy, x));
  });
  return y;
}

}  // namespace headlight
