// y = max(a, b) or min(a, b), elementwise.  dy goes to the selected input; equal inputs get half of dy each.
#include "ops/map.h"

namespace headlight {

namespace {

// `before(u, v)`: u is selected and v is not.
template <class Before>
Tensor select(const char* name, const Tensor& a, const Tensor& b, const Before& before) {
  check_same_dtype(name, a, b);
  // A NaN in a is selected by u != u; a NaN in b is selected because every other comparison with NaN is false.
  const auto pick = [before](auto u, auto v) { return before(u, v) || u == v || u != u ? u : v; };
  Tensor y = broadcast_map(pick, broadcast(a.shape(), b.shape(), name), a, b);
  record(name, y, {a, b}, [a = a.detach(), b = b.detach(), before](const Tensor& dy, const Gradients& d) {
    const auto share = [before](auto g, auto own, auto other) {
      return own == other ? g / 2 : before(other, own) ? decltype(g){0} : g;
    };
    if (d[0].needed()) d[0].add(sum_to(broadcast_map(share, dy.shape(), dy, a, b), a.shape()));
    if (d[1].needed()) d[1].add(sum_to(broadcast_map(share, dy.shape(), dy, b, a), b.shape()));
  });
  return y;
}

}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) {
  return select("maximum", a, b, [](auto u, auto v) { return u > v; });
}
Tensor minimum(const Tensor& a, const Tensor& b) {
  return select("minimum", a, b, [](auto u, auto v) { return u < v; });
}

}  // namespace headlight
