// Squared error: (x - t)^2, by default averaged over the N elements;   dx = -dt = 2 (x - t) dy / N
#include "ops/losses.h"

namespace headlight {

Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  const double divisor = check_loss("mse_loss", x, target, reduction);
  const Tensor difference = sub(x.detach(), target.detach());
  Tensor y = reduced(mul(difference, difference), reduction, divisor);
  record("mse_loss", y, {x, target}, [difference, divisor](const Tensor& dy, const Gradients& d) {
    const Tensor dx = scale(loss_gradient(difference, dy, divisor), 2);
    if (d[0].needed()) d[0].add(dx);
    if (d[1].needed()) d[1].add(neg(dx));
  });
  return y;
}

}  // namespace headlight
