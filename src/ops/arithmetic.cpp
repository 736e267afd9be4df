// add, sub, mul, div and scale, with NumPy broadcasting.
//
// Both inputs are treated as rank-4 tensors of the result's shape, in which a repeated axis has stride 0. Adjacent axes
// are merged where both inputs allow it: equal shapes become one long row, and [B,T,C] + [C] becomes B*T rows.
#include <array>

#include "ops/common.h"

namespace headlight {

namespace {

using kernels::Binary;

// The result's merged sizes and the strides of a and b along them; the last axis is the row.
struct Walk {
  std::array<Index, 4> sizes{1, 1, 1, 1}, a{}, b{};
};

std::array<Index, 4> strides_in(const Shape& shape, const Shape& result) {
  std::array<Index, 4> strides{};
  Index stride = 1;
  for (int i = 1; i <= shape.rank(); ++i) {
    strides[static_cast<std::size_t>(4 - i)] = shape[-i] == 1 && result[-i] != 1 ? 0 : stride;
    stride *= shape[-i];
  }
  return strides;
}

Walk make_walk(const Shape& a, const Shape& b, const Shape& result) {
  std::array<Index, 4> sizes{1, 1, 1, 1};
  for (int i = 1; i <= result.rank(); ++i) sizes[static_cast<std::size_t>(4 - i)] = result[-i];
  const auto step_a = strides_in(a, result), step_b = strides_in(b, result);
  Walk walk;
  std::size_t axis = 3;  // the axis of `walk` being filled
  bool empty = true;
  for (std::size_t i = 4; i-- > 0;) {
    if (sizes[i] == 1) continue;
    if (!empty && step_a[i] == walk.a[axis] * walk.sizes[axis] && step_b[i] == walk.b[axis] * walk.sizes[axis]) {
      walk.sizes[axis] *= sizes[i];  // contiguous with the current axis in both inputs: merge
      continue;
    }
    if (!empty) --axis;
    walk.sizes[axis] = sizes[i];
    walk.a[axis] = step_a[i];
    walk.b[axis] = step_b[i];
    empty = false;
  }
  return walk;
}

template <class T>
void compute(Binary op, const Tensor& a, const Tensor& b, Tensor& y) {
  if (y.numel() == 0) return;
  const Walk w = make_walk(a.shape(), b.shape(), y.shape());
  const Index row = w.sizes[3], rows = y.numel() / row;
  const T* pa = a.data<T>();
  const T* pb = b.data<T>();
  T* py = y.data<T>();
  const auto& table = kernels::active<T>();
  if (rows == 1) {
    parallel_for(row, kGrain, [&](Index begin, Index end) {
      table.binary(op, end - begin, pa + begin * w.a[3], w.a[3], pb + begin * w.b[3], w.b[3], py + begin);
    });
    return;
  }
  parallel_for(rows, row_grain(row), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const Index i2 = r % w.sizes[2], i1 = r / w.sizes[2] % w.sizes[1], i0 = r / w.sizes[2] / w.sizes[1];
      table.binary(op, row, pa + i0 * w.a[0] + i1 * w.a[1] + i2 * w.a[2], w.a[3],
                   pb + i0 * w.b[0] + i1 * w.b[1] + i2 * w.b[2], w.b[3], py + r * row);
    }
  });
}

Tensor binary(Binary op, const char* name, const Tensor& a, const Tensor& b) {
  check_same_dtype(name, a, b);
  Tensor y = Tensor::empty(broadcast(a.shape(), b.shape(), name), a.dtype());
  dispatch(a.dtype(), [&](auto zero) { compute<decltype(zero)>(op, a, b, y); });
  return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  Tensor y = binary(Binary::kAdd, "add", a, b);
  record("add", y, {a, b}, [](const Tensor& dy, const Gradients& d) {
    for (const int i : {0, 1})
      if (d[i].needed()) d[i].add(sum_to(dy, d[i].shape()));
  });
  return y;
}

Tensor sub(const Tensor& a, const Tensor& b) {
  Tensor y = binary(Binary::kSub, "sub", a, b);
  record("sub", y, {a, b}, [](const Tensor& dy, const Gradients& d) {
    if (d[0].needed()) d[0].add(sum_to(dy, d[0].shape()));
    if (d[1].needed()) d[1].add(sum_to(neg(dy), d[1].shape()));
  });
  return y;
}

// d(ab) = b da + a db
Tensor mul(const Tensor& a, const Tensor& b) {
  Tensor y = binary(Binary::kMul, "mul", a, b);
  // Each factor is saved only for the gradient of the other.
  const bool saves_a = b.requires_grad(), saves_b = a.requires_grad(), remat = RematScope::active();
  const auto saved = [remat](bool needed, const Tensor& x) {
    return Saved(!needed ? Tensor() : remat ? x : x.detach());
  };
  record("mul", y, {a, b}, [a = saved(saves_a, a), b = saved(saves_b, b)](const Tensor& dy, const Gradients& d) {
    if (d[0].needed()) d[0].add(sum_to(mul(dy, b.get()), d[0].shape()));
    if (d[1].needed()) d[1].add(sum_to(mul(dy, a.get()), d[1].shape()));
  });
  // Recomputing y takes no memory if each factor is saved anyway or is itself recomputed.
  if (remat && (saves_a || is_recomputed(a)) && (saves_b || is_recomputed(b)))
    rematerializable(y, [a = Saved(a), b = Saved(b)] { return binary(Binary::kMul, "mul", a.get(), b.get()); });
  return y;
}

// d(a/b) = da / b - ((a/b) / b) db. (a/b) / b is computed first, because dy / b may overflow where a/b is 0.
Tensor div(const Tensor& a, const Tensor& b) {
  Tensor y = binary(Binary::kDiv, "div", a, b);
  record("div", y, {a, b}, [b = b.detach(), y = y.detach()](const Tensor& dy, const Gradients& d) {
    if (d[0].needed()) d[0].add(sum_to(div(dy, b), d[0].shape()));
    if (d[1].needed()) d[1].add(sum_to(neg(mul(dy, div(y, b))), b.shape()));
  });
  return y;
}

Tensor scale(const Tensor& x, double factor) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = x.data<T>();
    T* py = y.data<T>();
    parallel_for(x.numel(), kGrain, [&](Index begin, Index end) {
      kernels::active<T>().scale(end - begin, static_cast<T>(factor), px + begin, py + begin);
    });
  });
  record("scale", y, {x}, [factor](const Tensor& dy, const Gradients& d) { d[0].add(scale(dy, factor)); });
  return y;
}

Tensor add(const Tensor& x, double value) { return add(x, Tensor::scalar(value, x.dtype())); }
Tensor sub(const Tensor& x, double value) { return sub(x, Tensor::scalar(value, x.dtype())); }
Tensor sub(double value, const Tensor& x) { return sub(Tensor::scalar(value, x.dtype()), x); }
Tensor mul(const Tensor& x, double value) { return scale(x, value); }
Tensor div(const Tensor& x, double value) { return div(x, Tensor::scalar(value, x.dtype())); }
Tensor div(double value, const Tensor& x) { return div(Tensor::scalar(value, x.dtype()), x); }

Tensor expand_to(const Tensor& x, const Shape& shape) {
  return x.shape() == shape ? x : binary(Binary::kAdd, "expand", x, Tensor::zeros(shape, x.dtype()));
}

}  // namespace headlight
