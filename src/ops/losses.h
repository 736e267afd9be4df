// The reduction of elementwise losses, forward and backward.
#pragma once

#include "ops/common.h"

namespace headlight {

// The number by which the sum of the losses is divided, 1 unless the reduction is the mean.
// Errors: shapes or types differ, no elements to average.
inline double check_loss(const char* operation, const Tensor& x, const Tensor& target, Reduction reduction) {
  check_same_dtype(operation, x, target);
  if (!(x.shape() == target.shape()))
    fail(operation, ": shapes differ: ", x.shape(), " and target ", target.shape(), "; reshape() one of them");
  if (reduction != Reduction::kMean) return 1;
  if (x.numel() == 0) fail(operation, ": ", x.shape(), " has no elements to average; use Reduction::kSum");
  return static_cast<double>(x.numel());
}

inline Tensor reduced(const Tensor& losses, Reduction reduction, double divisor) {
  if (reduction == Reduction::kNone) return losses;
  return divisor == 1 ? sum(losses) : scale(sum(losses), 1 / divisor);
}

// slope [...]: the derivative of each element's loss. dy: the gradient of the reduced loss.
inline Tensor loss_gradient(const Tensor& slope, const Tensor& dy, double divisor) {
  return scale(mul(slope, dy), 1 / divisor);
}

}  // namespace headlight
