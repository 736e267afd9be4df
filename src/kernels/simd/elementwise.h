// Elementwise kernels over a vector type V: activation functions and their derivatives, arithmetic, dropout, AdamW,
// Nesterov momentum, transposition.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"
#include "kernels/simd/loop.h"
#include "kernels/simd/math.h"

namespace headlight::kernels {

template <class V, class Function>
[[gnu::always_inline]] inline void map(Index n, const float* x, float* y, const Function& f) {
  for_vectors<V>(n, [&](Index i, auto lanes) { f(V::load(x + i, lanes)).store(y + i, lanes); });
}

template <class V>
void simd_unary(Unary op, Index n, const float* x, float* y) {
  switch (op) {
    case Unary::kNeg:
      return map<V>(n, x, y, [](V a) { return V::negate(a); });
    case Unary::kExp:
      return map<V>(n, x, y, [](V a) { return exp(a); });
    case Unary::kLog:
      return map<V>(n, x, y, [](V a) { return log(a); });
    case Unary::kSqrt:
      return map<V>(n, x, y, [](V a) { return V::sqrt(a); });
    case Unary::kTanh:
      return map<V>(n, x, y, [](V a) { return tanh(a); });
    case Unary::kSigmoid:
      return map<V>(n, x, y, [](V a) { return sigmoid(a); });
    case Unary::kRelu:
      return map<V>(n, x, y, [](V a) { return V::max(V::zero(), a); });  // max(0, NaN) is NaN
    case Unary::kGeluTanh:
      return map<V>(n, x, y, [](V a) { return gelu_tanh(a); });
    case Unary::kGeluErf:
      return map<V>(n, x, y, [](V a) { return gelu_erf(a); });
    case Unary::kSilu:
      return map<V>(n, x, y, [](V a) { return silu(a); });
  }
}

// dx = dy f(saved), where f computes the derivative from `saved`: x or y, depending on the function.
template <class V, class Derivative>
[[gnu::always_inline]] inline void map_backward(Index n, const float* saved, const float* dy, float* dx,
                                                const Derivative& f) {
  for_vectors<V>(
      n, [&](Index i, auto lanes) { (V::load(dy + i, lanes) * f(V::load(saved + i, lanes))).store(dx + i, lanes); });
}

template <class V>
void simd_unary_backward(Unary op, Index n, const float* x, const float* y, const float* dy, float* dx) {
  const V one = V::set(1.0f);
  switch (op) {
    case Unary::kNeg:
      return map<V>(n, dy, dx, [](V d) { return V::negate(d); });
    case Unary::kExp:
      return map_backward<V>(n, y, dy, dx, [](V f) { return f; });
    case Unary::kLog:
      return map_backward<V>(n, x, dy, dx, [=](V a) { return one / a; });
    case Unary::kSqrt:
      return map_backward<V>(n, y, dy, dx, [](V f) { return V::set(0.5f) / f; });
    case Unary::kTanh:
      return map_backward<V>(n, y, dy, dx, [=](V f) { return V::fnma(f, f, one); });
    case Unary::kSigmoid:
      return map_backward<V>(n, y, dy, dx, [=](V f) { return f * (one - f); });
    case Unary::kRelu:  // 0 where x <= 0, even for an infinite dy; dy where x is NaN
      return for_vectors<V>(n, [&](Index i, auto lanes) {
        const V a = V::load(x + i, lanes), d = V::load(dy + i, lanes);
        V::select((a > V::zero()) | V::is_nan(a), d, V::zero()).store(dx + i, lanes);
      });
    case Unary::kGeluTanh:
      return map_backward<V>(n, x, dy, dx, [](V a) { return gelu_tanh_derivative(a); });
    case Unary::kGeluErf:
      return map_backward<V>(n, x, dy, dx, [](V a) { return gelu_erf_derivative(a); });
    case Unary::kSilu:
      return map_backward<V>(n, x, dy, dx, [](V a) { return silu_derivative(a); });
  }
}

template <class V>
void simd_unary_with_slope(Unary op, Index n, const float* x, float* y, float* slope) {
  const auto loop = [&](const auto& f) {
    for_vectors<V>(n, [&](Index i, auto lanes) {
      const Activation<V> a = f(V::load(x + i, lanes));
      a.value.store(y + i, lanes);
      a.slope.store(slope + i, lanes);
    });
  };
  if (op == Unary::kGeluTanh) loop([](V a) { return gelu_tanh_with_slope(a); });
  if (op == Unary::kGeluErf) loop([](V a) { return gelu_erf_with_slope(a); });
  if (op == Unary::kSilu) loop([](V a) { return silu_with_slope(a); });
}

// A step of 0 repeats the first element.
template <class V, class Lanes>
[[gnu::always_inline]] inline V load_stepped(const float* p, Index i, Index step, Lanes lanes) {
  return step == 0 ? V::repeat(p) : V::load(p + i, lanes);
}

template <class V>
void simd_binary(Binary op, Index n, const float* a, Index a_step, const float* b, Index b_step, float* y) {
  const auto loop = [&](const auto& f) {
    for_vectors<V>(n, [&](Index i, auto lanes) {
      f(load_stepped<V>(a, i, a_step, lanes), load_stepped<V>(b, i, b_step, lanes)).store(y + i, lanes);
    });
  };
  switch (op) {
    case Binary::kAdd:
      return loop([](V p, V q) { return p + q; });
    case Binary::kSub:
      return loop([](V p, V q) { return p - q; });
    case Binary::kMul:
      return loop([](V p, V q) { return p * q; });
    case Binary::kDiv:
      return loop([](V p, V q) { return p / q; });
  }
}

template <class V>
void simd_accumulate(Index n, const float* x, float* y) {
  for_vectors<V>(n, [&](Index i, auto lanes) { (V::load(y + i, lanes) + V::load(x + i, lanes)).store(y + i, lanes); });
}

template <class V>
void simd_scale(Index n, float factor, const float* x, float* y) {
  const V f = V::set(factor);
  map<V>(n, x, y, [=](V a) { return f * a; });
}

template <class V>
void simd_multiply_add(Index n, float factor, const float* x, float* y) {
  const V f = V::set(factor);
  for_vectors<V>(
      n, [&](Index i, auto lanes) { V::fma(f, V::load(x + i, lanes), V::load(y + i, lanes)).store(y + i, lanes); });
}

template <class V>
void simd_dropout(Index n, std::uint64_t key, Index first, std::uint32_t threshold, float scale, const float* x,
                  float* y) {
  // Random numbers have 24 bits, so thresholds above 2^24 act like 2^24; clamping keeps the signed comparison safe.
  constexpr std::uint32_t kAll = 1u << 24;
  const auto limit = V::Int::set(static_cast<std::int32_t>(threshold < kAll ? threshold : kAll));
  const V f = V::set(scale);
  const std::uint64_t start = key + static_cast<std::uint64_t>(first);
  for_vectors<V>(n, [&](Index i, auto lanes) {
    const auto dropped = limit > V::random24(start + static_cast<std::uint64_t>(i));
    V::select(dropped, V::zero(), f * V::load(x + i, lanes)).store(y + i, lanes);
  });
}

template <class V>
void simd_adamw(const AdamW& s, Index n, const float* gradient, float* parameter, float* m, float* v) {
  // Compute the constants in double: 1 - beta2 and lr * decay would lose most of their bits in float.
  const auto constant = [](double c) { return V::set(static_cast<float>(c)); };
  const V grad_scale = constant(s.grad_scale), eps = constant(s.eps);
  const V keep1 = constant(s.beta1), take1 = constant(1 - s.beta1);
  const V keep2 = constant(s.beta2), take2 = constant(1 - s.beta2);
  const V rate = constant(s.lr / s.correction1), inverse2 = constant(1 / s.correction2);
  const V shrink = constant(s.lr * s.decay);
  for_vectors<V>(n, [&](Index i, auto lanes) {
    const V g = grad_scale * V::load(gradient + i, lanes);
    const V p = V::load(parameter + i, lanes);
    const V m1 = V::fma(keep1, V::load(m + i, lanes), take1 * g);
    const V v1 = V::fma(keep2, V::load(v + i, lanes), take2 * g * g);
    const V step = rate * m1 / (V::sqrt(v1 * inverse2) + eps);
    m1.store(m + i, lanes);
    v1.store(v + i, lanes);
    (p - V::fma(shrink, p, step)).store(parameter + i, lanes);
  });
}

// Multiplies and adds separately, so that the bits equal those of the reference and of models/decoder_step.cpp.
template <class V>
void simd_rotate(Index heads, Index half, float sign, const float* cosine, const float* sine, const float* x,
                 float* y) {
  const V signs = V::set(sign);
  for_vectors<V>(half, [&](Index i, auto lanes) {
    const V cos = V::load(cosine + i, lanes), sin = signs * V::load(sine + i, lanes);
    for (Index at = i; at < 2 * half * heads; at += 2 * half) {
      const V low = V::load(x + at, lanes), high = V::load(x + at + half, lanes);
      (low * cos - high * sin).store(y + at, lanes);
      (low * sin + high * cos).store(y + at + half, lanes);
    }
  });
}

template <class V>
void simd_nesterov(Index n, float keep, float take, const float* gradient, float* m, float* u) {
  const V kept = V::set(keep), taken = V::set(take);
  for_vectors<V>(n, [&](Index i, auto lanes) {
    const V g = taken * V::load(gradient + i, lanes);
    const V m1 = V::fma(kept, V::load(m + i, lanes), g);
    m1.store(m + i, lanes);
    V::fma(kept, m1, g).store(u + i, lanes);
  });
}

// Transposes squares of kLanes x kLanes in registers.
template <class V>
void simd_transpose(Index rows, Index cols, const float* x, Index ldx, float* y, Index ldy) {
  constexpr Index kLanes = V::kLanes;
  for (Index i = 0; i < rows; i += kLanes)
    for_vectors<V>(cols, [&](Index j, auto lanes) {
      const Index height = rows - i < kLanes ? rows - i : kLanes, width = cols - j < kLanes ? cols - j : kLanes;
      V r[kLanes];
#pragma GCC unroll 16
      for (Index k = 0; k < kLanes; ++k) r[k] = k < height ? V::load(x + (i + k) * ldx + j, lanes) : V::zero();
      V::transpose(r);
      for (Index k = 0; k < width; ++k) {
        if (height == kLanes) r[k].store(y + (j + k) * ldy + i);
        else r[k].store(y + (j + k) * ldy + i, typename V::First{height});
      }
    });
}

}  // namespace headlight::kernels
