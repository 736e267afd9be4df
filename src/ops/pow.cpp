// y = a^b;   da = dy b a^(b-1), 0 where b = 0;   db = dy y log(a), 0 where a = 0 and b >= 0
#include <cmath>

#include "ops/map.h"

namespace headlight {

namespace {

// b a^(b-1). Where b = 0, y is constant, even at a = 0.
template <class T>
T slope(T a, T b) {
  return b == 0 ? T{0} : b * std::pow(a, b - 1);
}

}  // namespace

Tensor pow(const Tensor& a, const Tensor& b) {
  check_same_dtype("pow", a, b);
  Tensor y = broadcast_map([](auto u, auto v) { return std::pow(u, v); }, broadcast(a.shape(), b.shape(), "pow"), a, b);
  record("pow", y, {a, b}, [a = a.detach(), b = b.detach()](const Tensor& dy, const Gradients& d) {
    if (d[0].needed())
      d[0].add(sum_to(broadcast_map([](auto g, auto u, auto v) { return g * slope(u, v); }, dy.shape(), dy, a, b),
                      a.shape()));
    if (!d[1].needed()) return;
    const auto by_exponent = [](auto g, auto u, auto v) {
      return u == 0 && v >= 0 ? decltype(g){0} : g * (std::pow(u, v) * std::log(u));
    };
    d[1].add(sum_to(broadcast_map(by_exponent, dy.shape(), dy, a, b), b.shape()));
  });
  return y;
}

Tensor pow(const Tensor& x, double exponent) {
  const auto power = [exponent](auto v) {
    using T = decltype(v);
    return exponent == 2 ? v * v : std::pow(v, static_cast<T>(exponent));
  };
  Tensor y = map(power, x);
  record("pow", y, {x}, [x = x.detach(), exponent](const Tensor& dy, const Gradients& d) {
    d[0].add(map(
        [exponent](auto g, auto v) {
          using T = decltype(v);
          return exponent == 2 ? g * (2 * v) : g * slope(v, static_cast<T>(exponent));
        },
        dy, x));
  });
  return y;
}

}  // namespace headlight
