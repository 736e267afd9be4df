// Helpers for writing an operation, inside or outside the library: element type dispatch, chunk sizes for parallel_for,
// and the checks that most operations begin with. An operation also needs Tensor, record() (tape.h), Saved (saved.h)
// and parallel_for (base/threads.h). For a worked example see "Add an operation" in src/ops/README.md.
#pragma once

#include "headlight/autograd/saved.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"
#include "headlight/base/threads.h"

namespace headlight {

// Calls f(float{}) or f(double{}), as dtype says. In a lambda `[&](auto zero) { ... }`, the element type is
// `decltype(zero)`.
template <class F>
auto dispatch(DType dtype, const F& f) {
  return dtype == DType::kFloat32 ? f(float{}) : f(double{});
}

// Elements per chunk of an elementwise loop: about ten microseconds of work, several times the cost of waking a thread.
inline constexpr Index kGrain = 16384;
// Rows per chunk, for rows of n elements: about kGrain elements in total, but at least one row.
inline Index row_grain(Index n) { return n >= kGrain ? 1 : kGrain / (n > 0 ? n : 1); }

inline void check_same_dtype(const char* operation, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype())
    fail(operation, ": types differ: ", a.dtype(), " and ", b.dtype(), "; convert one with to()");
}

// Maps a possibly negative axis of x to 0..rank-1. Error: the axis is outside the shape.
inline int axis_of(const char* operation, const Tensor& x, int axis) {
  const int index = axis < 0 ? axis + x.rank() : axis;
  if (index < 0 || index >= x.rank()) fail(operation, ": axis ", axis, " is outside the shape ", x.shape());
  return index;
}

// The output of a function that may overwrite its input x, because it reads each element before it writes it. Shares
// x's storage if no other handle does; otherwise a new tensor. In a backward function, x is usually dy.
inline Tensor overwritten(const Tensor& x) { return x.unique() ? x.detach() : Tensor::empty(x.shape(), x.dtype()); }

}  // namespace headlight
