// y = a where the mask is not 0, else b.  dy goes to the selected input.
#include "ops/map.h"

namespace headlight {

Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b) {
  check_same_dtype("where", a, b);
  check_same_dtype("where", a, mask);
  const Shape shape = broadcast(broadcast(a.shape(), b.shape(), "where"), mask.shape(), "where");
  Tensor y = broadcast_map([](auto m, auto u, auto v) { return m != 0 ? u : v; }, shape, mask, a, b);
  record("where", y, {a, b}, [mask = mask.detach()](const Tensor& dy, const Gradients& d) {
    const auto selected = [](auto m, auto g) { return m != 0 ? g : decltype(g){0}; };
    const auto others = [](auto m, auto g) { return m != 0 ? decltype(g){0} : g; };
    if (d[0].needed()) d[0].add(sum_to(broadcast_map(selected, dy.shape(), mask, dy), d[0].shape()));
    if (d[1].needed()) d[1].add(sum_to(broadcast_map(others, dy.shape(), mask, dy), d[1].shape()));
  });
  return y;
}

}  // namespace headlight
