// map() and broadcast_map(): elementwise operations defined by a scalar function, for operations without a kernel.
#pragma once

#include <array>
#include <utility>

#include "ops/common.h"

namespace headlight {

// y_i = f(x_i, others_i...); all tensors have the shape and the type of x. f is generic: f(float...) and f(double...).
template <class F, class... Others>
Tensor map(const F& f, const Tensor& x, const Others&... others) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* py = y.data<T>();
    const auto loop = [&](const auto*... p) {
      parallel_for(y.numel(), kGrain / 8, [&](Index begin, Index end) {  // f may cost as much as a call of std::pow
        for (Index i = begin; i < end; ++i) py[i] = f(p[i]...);
      });
    };
    loop(x.data<T>(), others.template data<T>()...);
  });
  return y;
}

namespace detail {
// The strides of a tensor broadcast from `shape` to `result`, along the last four axes of `result`.
inline std::array<Index, 4> repeated_strides(const Shape& shape, const Shape& result) {
  std::array<Index, 4> strides{};
  Index stride = 1;
  for (int i = 1; i <= shape.rank(); ++i) {
    if (shape[-i] != 1 || result[-i] == 1) strides[static_cast<std::size_t>(4 - i)] = stride;
    stride *= shape[-i];
  }
  return strides;
}
}  // namespace detail

// As map(), for inputs that broadcast to `shape`, the shape of the result.
template <class F, class... Inputs>
Tensor broadcast_map(const F& f, const Shape& shape, const Tensor& x, const Inputs&... others) {
  if (((x.shape() == shape) && ... && (others.shape() == shape))) return map(f, x, others...);
  Tensor y = Tensor::empty(shape, x.dtype());
  const Index row = shape.rank() > 0 ? shape[-1] : 1, n2 = shape.rank() > 1 ? shape[-2] : 1,
              n1 = shape.rank() > 2 ? shape[-3] : 1;
  if (y.numel() == 0) return y;
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* py = y.data<T>();
    constexpr std::size_t kCount = 1 + sizeof...(Inputs);
    const std::array<const T*, kCount> inputs{x.data<T>(), others.template data<T>()...};
    const std::array<std::array<Index, 4>, kCount> strides{detail::repeated_strides(x.shape(), shape),
                                                           detail::repeated_strides(others.shape(), shape)...};
    const auto loop = [&]<std::size_t... k>(std::index_sequence<k...>) {
      parallel_for(y.numel() / row, row_grain(8 * row), [&](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) {
          const Index i2 = r % n2, i1 = r / n2 % n1, i0 = r / n2 / n1;
          const std::array<const T*, kCount> p{inputs[k] + i0 * strides[k][0] + i1 * strides[k][1] +
                                               i2 * strides[k][2]...};
          for (Index i = 0; i < row; ++i) py[r * row + i] = f(p[k][i * strides[k][3]]...);
        }
      });
    };
    loop(std::make_index_sequence<kCount>());
  });
  return y;
}

}  // namespace headlight
