// What writing an operation needs, here or in a program that uses the library: choosing the element type, the sizes of
// the pieces that threads take, and the checks that most operations begin with. The rest is Tensor, record() (tape.h),
// Saved (saved.h), parallel_for (base/threads.h) and the other operations. README.md has a worked example, "Add an
// operation".
#pragma once

#include "headlight/autograd/saved.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"
#include "headlight/base/threads.h"

namespace headlight {

// Calls f(float{}) or f(double{}): `using T = decltype(zero);` inside f is the element type.
template <class F>
auto dispatch(DType dtype, const F& f) {
  return dtype == DType::kFloat32 ? f(float{}) : f(double{});
}

// Elements a thread takes at a time: some ten microseconds of work, several times what waking a thread costs.
inline constexpr Index kGrain = 16384;
// The same in rows of n.
inline Index row_grain(Index n) { return n >= kGrain ? 1 : kGrain / (n > 0 ? n : 1); }

inline void check_same_dtype(const char* operation, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype())
    fail(operation, ": types differ: ", a.dtype(), " and ", b.dtype(), "; convert one with to()");
}

// An axis of x counted from either end, as 0..rank-1. Error names the operation.
inline int axis_of(const char* operation, const Tensor& x, int axis) {
  const int index = axis < 0 ? axis + x.rank() : axis;
  if (index < 0 || index >= x.rank()) fail(operation, ": axis ", axis, " is outside the shape ", x.shape());
  return index;
}

// Where a backward function may write its result when it reads each element of dy just before it writes there: over dy,
// if nobody else holds that, else a new tensor.
inline Tensor overwritten(const Tensor& dy) {
  return dy.unique() ? dy.detach() : Tensor::empty(dy.shape(), dy.dtype());
}

}  // namespace headlight
