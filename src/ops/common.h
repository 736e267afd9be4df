// What the operations share beyond autograd/operation.h.
#pragma once

#include "headlight/autograd/operation.h"
#include "headlight/ops/ops.h"
#include "kernels/kernels.h"

namespace headlight {

// x summed down to `shape`, which broadcasts to x's: what the gradient of a broadcast input is.
Tensor sum_to(const Tensor& x, const Shape& shape);
// x repeated to `shape`.
Tensor expand_to(const Tensor& x, const Shape& shape);

// Dropout with the mask of a key; not recorded.
Tensor apply_dropout(const Tensor& x, double p, std::uint64_t key);

}  // namespace headlight
