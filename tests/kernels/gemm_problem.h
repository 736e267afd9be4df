// Random matrix products for the kernel tests: operands, strides and paddings of one case, and its exact result.
#pragma once

#include "kernels/tables.h"

namespace headlight::kernels {

using Product = void (*)(const Gemm<float>&);

struct Case {
  Index m, n, k;
  bool trans_a = false, trans_b = false;
  float alpha = 1;
  bool accumulate = false;
  Index pad = 0;  // added to the minimal leading dimensions
  Index outer = 1, inner = 1;
  bool repeat_a = false, repeat_b = false;  // stride 0 over the inner batch axis
  bool bias = false, addend = false;
};

inline std::string text(const Case& c) {
  return cat(c.m, "x", c.n, "x", c.k, c.trans_a ? " T" : " N", c.trans_b ? "T" : "N", " alpha ", c.alpha,
             c.accumulate ? " accumulate" : "", " pad ", c.pad, " batch ", c.outer, "x", c.inner, c.bias ? " bias" : "",
             c.addend ? " addend" : "");
}

// Operands and result of one case. The padding of A and B is NaN, so that any read of it shows in the result.
struct Problem {
  std::vector<float> a, b, c, bias, addend;
  Gemm<float> g;

  explicit Problem(const Case& s, std::uint64_t seed = 1) {
    Rng rng(seed);
    const auto fill = [&](std::vector<float>& v, Index rows, Index cols, Index ld, Index count) {
      const Index size = rows == 0 || cols == 0 ? 0 : (rows - 1) * ld + cols;
      const Index stride = rows * ld;
      v.assign(static_cast<std::size_t>(size == 0 ? 0 : (count - 1) * stride + size), kNaN);
      for (Index batch = 0; batch < count && size > 0; ++batch)
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < cols; ++j)
            v[static_cast<std::size_t>(batch * stride + i * ld + j)] = static_cast<float>(rng.normal());
      return stride;
    };
    g.m = s.m, g.n = s.n, g.k = s.k, g.trans_a = s.trans_a, g.trans_b = s.trans_b;
    g.alpha = s.alpha, g.accumulate = s.accumulate, g.batch_outer = s.outer, g.batch_inner = s.inner;
    g.lda = (s.trans_a ? s.m : s.k) + s.pad;
    g.ldb = (s.trans_b ? s.k : s.n) + 2 * s.pad;
    g.ldc = s.n + 3 * s.pad;
    const Index a_count = s.outer * (s.repeat_a ? 1 : s.inner), b_count = s.outer * (s.repeat_b ? 1 : s.inner);
    const Index a_stride = fill(a, s.trans_a ? s.k : s.m, s.trans_a ? s.m : s.k, g.lda, a_count);
    const Index b_stride = fill(b, s.trans_b ? s.n : s.k, s.trans_b ? s.k : s.n, g.ldb, b_count);
    g.a_inner = s.repeat_a ? 0 : a_stride, g.a_outer = a_stride * (s.repeat_a ? 1 : s.inner);
    g.b_inner = s.repeat_b ? 0 : b_stride, g.b_outer = b_stride * (s.repeat_b ? 1 : s.inner);
    g.c_inner = s.m * g.ldc, g.c_outer = g.c_inner * s.inner;
    // If C is only written, it starts as NaN, so that any read of it shows.
    c.assign(static_cast<std::size_t>(g.c_outer * s.outer), kUntouched);
    each_c([&](std::size_t at) { c[at] = s.accumulate ? static_cast<float>(rng.normal()) : kNaN; });
    g.a = a.data(), g.b = b.data();
    if (s.bias) bias = random_values(rng, s.n);
    if (s.bias) g.bias = bias.data();
    if (!s.addend) return;
    addend.assign(c.size(), kNaN);
    each_c([&](std::size_t at) { addend[at] = static_cast<float>(rng.normal()); });
    g.addend = addend.data();
  }

  // Calls f with the index of every element of C that must be written.
  template <class F>
  void each_c(const F& f) const {
    for (Index batch = 0; batch < g.batch_outer * g.batch_inner; ++batch)
      for (Index i = 0; i < g.m; ++i)
        for (Index j = 0; j < g.n; ++j) f(static_cast<std::size_t>(batch * g.c_inner + i * g.ldc + j));
  }

  std::vector<float> run(Product product) const {
    std::vector<float> out = c;
    Gemm<float> call = g;
    call.c = out.data();
    product(call);
    return out;
  }
  std::vector<float> run(const Table<float>& t) const { return run(t.gemm); }

  // The exact result; with `sizes`, the sum of the absolute values of its terms instead.
  std::vector<double> run_exact(bool sizes) const {
    const auto wide = [&](const std::vector<float>& v) {
      std::vector<double> w = widen(v);
      if (sizes)
        for (double& x : w) x = std::fabs(x);
      return w;
    };
    const std::vector<double> wide_a = wide(a), wide_b = wide(b);
    std::vector<double> out = wide(c);
    Gemm<double> call;
    call.m = g.m, call.n = g.n, call.k = g.k;
    call.a = wide_a.data(), call.lda = g.lda, call.trans_a = g.trans_a;
    call.b = wide_b.data(), call.ldb = g.ldb, call.trans_b = g.trans_b;
    call.c = out.data(), call.ldc = g.ldc;
    call.alpha = sizes ? std::fabs(static_cast<double>(g.alpha)) : static_cast<double>(g.alpha);
    call.accumulate = g.accumulate, call.batch_outer = g.batch_outer, call.batch_inner = g.batch_inner;
    call.a_outer = g.a_outer, call.a_inner = g.a_inner, call.b_outer = g.b_outer, call.b_inner = g.b_inner;
    call.c_outer = g.c_outer, call.c_inner = g.c_inner;
    const std::vector<double> wide_bias = wide(bias);
    if (g.bias) call.bias = wide_bias.data();
    const std::vector<double> wide_addend = wide(addend);
    if (g.addend) call.addend = wide_addend.data();
    double_reference().gemm(call);
    return out;
  }
};

}  // namespace headlight::kernels
