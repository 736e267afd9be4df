// y = log sum_j e^{x_j} = m + log sum_j e^{x_j - m} with m = max_j x_j;   dx_j = dy e^{x_j - y}
#include <cmath>
#include <limits>

#include "ops/common.h"

namespace headlight {

Tensor logsumexp(const Tensor& x, int axis, bool keep) {
  axis = axis_of("logsumexp", x, axis);
  const Shape shape = x.shape();
  const Index n = shape[axis], inner = shape.inner(axis), columns = shape.outer(axis) * inner;
  Tensor y = Tensor::empty(keep ? shape.with(axis, 1) : shape.without(axis), x.dtype());
  Tensor parts = Tensor::empty({columns, 2}, x.dtype());  // m and log sum_j e^{x_j - m}, separate for accuracy
  // Calls body(element of y, first element of x) for each column of the axis, in parallel.
  const auto each_column = [=](const auto& body) {
    parallel_for(columns, row_grain(4 * n), [&](Index begin, Index end) {
      for (Index c = begin; c < end; ++c) body(c, c / inner * n * inner + c % inner);
    });
  };
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    T *py = y.data<T>(), *pp = parts.data<T>();
    each_column([&](Index c, Index first) {
      T largest = -std::numeric_limits<T>::infinity();
      for (Index j = 0; j < n; ++j)
        if (const T v = px[first + j * inner]; v > largest || std::isnan(v)) largest = v;  // NaN stays
      double sum = 0;
      if (!std::isinf(largest))
        for (Index j = 0; j < n; ++j) sum += static_cast<double>(std::exp(px[first + j * inner] - largest));
      pp[2 * c] = largest;
      pp[2 * c + 1] = std::isinf(largest) ? T{0} : static_cast<T>(std::log(sum));
      py[c] = largest + pp[2 * c + 1];
    });
  });
  record("logsumexp", y, {x}, [x = x.detach(), parts, n, inner, each_column](const Tensor& dy, const Gradients& d) {
    Tensor dx = Tensor::empty(x.shape(), x.dtype());
    dispatch(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T *px = x.data<T>(), *pp = parts.data<T>(), *pdy = dy.data<T>();
      T* pdx = dx.data<T>();
      each_column([&](Index c, Index first) {
        for (Index j = 0; j < n; ++j) {
          const Index at = first + j * inner;
          const bool masked = px[at] == -std::numeric_limits<T>::infinity();
          pdx[at] = masked ? T{0} : pdy[c] * std::exp(px[at] - pp[2 * c] - pp[2 * c + 1]);
        }
      });
    });
    d[0].add(dx);
  });
  return y;
}

}  // namespace headlight
