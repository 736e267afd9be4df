// Binary cross-entropy, by default averaged over the N elements:
//   of probabilities  l = -(t log p + (1 - t) log(1 - p));              dp = (p - t) / (p (1 - p)) dy / N
//   of logits         l = max(x, 0) - x t + log(1 + e^-|x|);            dx = (sigmoid(x) - t) dy / N
// The second form follows from the first with p = sigmoid(x); its exponentials cannot overflow.
#include <algorithm>
#include <cmath>

#include "ops/losses.h"
#include "ops/map.h"

namespace headlight {

Tensor binary_cross_entropy(const Tensor& p, const Tensor& target, Reduction reduction) {
  const double divisor = check_loss("binary_cross_entropy", p, target, reduction);
  dispatch(p.dtype(), [&](auto zero) {
    const auto* values = p.data<decltype(zero)>();
    for (Index i = 0; i < p.numel(); ++i)
      if (values[i] < 0 || values[i] > 1)
        fail("binary_cross_entropy: element ", i, " is ", values[i],
             ", which is not a probability; pass logits to binary_cross_entropy_with_logits() instead");
  });
  const auto loss = [](auto v, auto t) {
    using T = decltype(v);
    return (t - 1) * std::max(std::log1p(-v), T{-100}) - t * std::max(std::log(v), T{-100});
  };
  Tensor y = reduced(map(loss, p.detach(), target.detach()), reduction, divisor);
  record("binary_cross_entropy", y, {p},
         [p = p.detach(), t = target.detach(), divisor](const Tensor& dy, const Gradients& d) {
           const auto slope = [](auto v, auto u) {
             using T = decltype(v);
             return (v - u) / std::max(v * (1 - v), static_cast<T>(1e-12));  // PyTorch's bound
           };
           d[0].add(loss_gradient(map(slope, p, t), dy, divisor));
         });
  return y;
}

Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target, Reduction reduction) {
  const double divisor = check_loss("binary_cross_entropy_with_logits", x, target, reduction);
  const auto loss = [](auto v, auto t) {
    using T = decltype(v);
    // The limit, because the formula below would compute inf - inf.
    if (std::isinf(v)) return (v > 0 ? t < 1 : t > 0) ? std::abs(v) : T{0};
    return std::max(v, T{0}) - v * t + std::log1p(std::exp(-std::abs(v)));
  };
  Tensor y = reduced(map(loss, x.detach(), target.detach()), reduction, divisor);
  record("binary_cross_entropy_with_logits", y, {x},
         [x = x.detach(), t = target.detach(), divisor](const Tensor& dy, const Gradients& d) {
           d[0].add(loss_gradient(sub(sigmoid(x), t), dy, divisor));
         });
  return y;
}

}  // namespace headlight
