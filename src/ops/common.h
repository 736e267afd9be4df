// Helpers for the library's own operations, in addition to autograd/operation.h.
#pragma once

#include "headlight/autograd/operation.h"
#include "headlight/ops/ops.h"
#include "kernels/kernels.h"

namespace headlight {

// Sums x down to `shape`, which must broadcast to x's shape. This is the backward of broadcasting.
Tensor sum_to(const Tensor& x, const Shape& shape);
// Broadcasts x to `shape`, as a copy unless the shapes are equal; not recorded.
Tensor expand_to(const Tensor& x, const Shape& shape);

// Computes a matrix product in the given precision (tensor.h).
template <class T>
void gemm(const kernels::Gemm<T>& g, Precision precision) {
  const kernels::Table<T>& table = kernels::active<T>();
  (precision == Precision::kBf16 ? table.gemm_bf16 : table.gemm)(g);
}

// Dropout with the mask that `key` determines; not recorded.
Tensor apply_dropout(const Tensor& x, double p, std::uint64_t key);

// residual + dropout(y, p). Overwrites y if the caller passes the only handle to its storage.
Tensor add_dropped(Tensor y, double p, const Tensor& residual);

// linear(f(h), w, bias, addend) with the same bits, without storing f(h). Only for float32 and an f whose derivative
// follows from its input. The sizes are not checked.
Tensor activated_linear(kernels::Unary f, const Tensor& h, const Tensor& w, const Tensor& bias, const Tensor& addend);

}  // namespace headlight
