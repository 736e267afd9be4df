// exp, log, tanh and the activation functions over a vector type V (vec_avx2.h, vec_avx512.h, vec_portable.h).
//
// Every lane is computed in the same way, so a value does not depend on its position. Largest errors in ulp (units in
// the last place of the exact result) over all floats, checked by tests/kernels:
//
//   exp         1.2   denormal results too; 0 below -103.98, inf above 88.72
//   log         1     denormal arguments too; log(0) = -inf, log of a negative number NaN
//   tanh        1.5   relative, also near 0
//   sigmoid     2.5   0 below -88
//   silu        3     0 below -88
//   gelu (tanh) 3     for x > -1; below, 6 + 0.4 |x|^3: exp turns a rounding error of its argument into that many ulp
//   gelu (erf)  8     for x > -1; below, 8 + 0.5 x^2, for the same reason
//
// A NaN argument gives NaN. The coefficients are minimax fits (Remez) of the functions named beside them.
#pragma once

namespace headlight::kernels {

// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule.
template <class V>
[[gnu::always_inline]] inline V polynomial(V, float last) {
  return V::set(last);
}
template <class V, class... Coefficients>
[[gnu::always_inline]] inline V polynomial(V x, float first, Coefficients... rest) {
  return V::fma(polynomial(x, rest...), x, V::set(first));
}

// 2^n for integers n in [-126, 127].
template <class V>
[[gnu::always_inline]] inline V power_of_two(typename V::Int n) {
  return V::from_bits((n + V::Int::set(127)).template shift_left<23>());
}

// x 2^n, rounded once, for integers n in [-252, 254].
template <class V>
[[gnu::always_inline]] inline V times_power_of_two(V x, V n) {
  if constexpr (requires { V::times_power_of_two(x, n); }) {
    return V::times_power_of_two(x, n);
  } else {
    // Two factors, because 2^n may be out of range when the product is not (denormals, the last octave). Adding 1.5 *
    // 2^23 leaves the integer n in the low bits.
    const V shift = V::set(12582912.0f);
    const auto whole = V::bits_of(n + shift) - V::bits_of(shift);
    const auto half = whole.template shift_right<1>();
    return x * power_of_two<V>(half) * power_of_two<V>(whole - half);
  }
}

// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln(2) / 2.
template <class V>
[[gnu::always_inline]] inline V exp(V x) {
  // Outside these bounds the result is inf or 0. min and max propagate a NaN in their second argument.
  x = V::max(V::set(-110.0f), V::min(V::set(90.0f), x));
  // Adding 1.5 * 2^23 rounds to an integer.
  const V shift = V::set(12582912.0f);
  const V n = V::fma(x, V::set(1.44269504f), shift) - shift;
  // ln 2 in two parts; the first has so few bits that its product with n is exact.
  V r = V::fnma(n, V::set(0.693359375f), x);
  r = V::fnma(n, V::set(-2.12194440e-4f), r);
  // (exp(r) - 1 - r) / r^2
  const V q = polynomial(r, 0.5000000096f, 0.1666651831f, 0.04166620413f, 0.008368953504f, 0.001395060307f);
  return times_power_of_two(V::fma(r * r, q, r) + V::set(1.0f), n);
}

// log(x) = e ln 2 + log(m), m in [sqrt(1/2), sqrt(2)); with s = (m-1)/(m+1), log(m) = 2 s + s^3 R(s^2).
template <class V>
[[gnu::always_inline]] inline V log(V x) {
  using Int = typename V::Int;
  const Int denormal = V::set(1.17549435e-38f) > x;
  const V scaled = V::select(denormal, x * V::set(8388608.0f), x);
  // Subtracting the bits of sqrt(1/2) gives the exponent that puts m into the range above.
  const Int offset = V::bits_of(scaled) - Int::set(0x3f3504f3);
  const Int e = offset.template shift_right<23>() - (denormal & Int::set(23));
  const V m = V::from_bits((offset & Int::set(0x007fffff)) + Int::set(0x3f3504f3));
  const V f = m - V::set(1.0f);
  const V s = f / (m + V::set(1.0f));
  const V z = s * s;
  const V tail = z * polynomial(z, 0.6666666566f, 0.4000033274f, 0.2853742253f, 0.2358053107f);
  // 2 s = f - s f, and f is exact: this keeps log accurate near 1.
  const V n = V::from_int(e);
  const V small = V::fma(n, V::set(-2.12194440e-4f), s * (tail - f));
  V y = V::fma(n, V::set(0.693359375f), f + small);
  const V infinity = V::set(__builtin_inff());
  y = V::select(x == infinity, infinity, y);
  y = V::select(V::zero() > x, V::set(__builtin_nanf("")), y);
  y = V::select(x == V::zero(), V::negate(infinity), y);
  return V::select(V::is_nan(x), x, y);
}

template <class V>
[[gnu::always_inline]] inline V sigmoid(V x) {
  const V one = V::set(1.0f);
  return one / (one + exp(V::negate(x)));
}

// An odd polynomial near 0; elsewhere 1 - 2 / (exp(2|x|) + 1) with the sign of x.
template <class V>
[[gnu::always_inline]] inline V tanh(V x) {
  const V size = V::abs(x), z = x * x;
  // (tanh(x) - x) / x^3 as a polynomial in x^2
  const V p =
      polynomial(z, -0.3333333092f, 0.1333321001f, -0.05394723005f, 0.02170308798f, -0.008182937196f, 0.002147753587f);
  const V near = V::fma(z * x, p, x);
  const V one = V::set(1.0f);
  const V far = one - V::set(2.0f) / (exp(size + size) + one);
  // `near` already has the sign of x, except for x = -0.
  return V::with_sign(V::select(V::set(0.625f) > size, near, far), x);
}

// The density and the CDF of the standard normal distribution, which share an exponential.
template <class V>
struct Normal {
  V density, cdf;
};

// cdf(-a) = exp(-a^2 / 2) t P(t) with t = 1 / (a / sqrt(2) + 2), for a >= 0; cdf(a) = 1 - cdf(-a). This form has no
// cancellation for negative x, where GELU needs the CDF's relative accuracy.
template <class V>
[[gnu::always_inline]] inline Normal<V> normal(V x) {
  const V a = V::abs(x);
  const V e = exp(V::set(-0.5f) * x * x);
  const V t = V::set(1.0f) / V::fma(a, V::set(0.707106781f), V::set(2.0f));
  const V p = polynomial(t, 0.282086418f, 0.5647506118f, 0.9724151398f, 1.621494151f, -0.4260064267f, 8.898135724f,
                         -31.18076836f, 36.42556955f, -15.12164272f);
  const V below = e * t * p;
  return {e * V::set(0.39894228f), V::select(x > V::zero(), V::set(1.0f) - below, below)};
}

// ---- activation functions and their derivatives ----

inline constexpr float kSqrtTwoOverPi = 0.797884561f;
inline constexpr float kGeluCubic = 0.044715f;

// f(x) and f'(x), which share an exponential. If a caller uses only one, the compiler removes the other.
template <class V>
struct Activation {
  V value, slope;
};

// open = sigmoid(x) and closed = sigmoid(-x) = 1 - sigmoid(x), both without cancellation.
template <class V>
struct Gate {
  V open, closed;
};
template <class V>
[[gnu::always_inline]] inline Gate<V> gate(V x) {
  const V e = exp(V::negate(x));
  const V one = V::set(1.0f), open = one / (one + e);
  // For a large e, closed = e * open rounds to 1. Select 1, because e may be infinite, and `open` 0 or denormal.
  return {open, V::select(V::set(1e30f) > e, e * open, one)};
}

// 0.5 x (1 + tanh(u)) = x sigmoid(2 u) with u = sqrt(2/pi) (x + 0.044715 x^3); the right side has no cancellation.
template <class V>
[[gnu::always_inline]] inline Activation<V> gelu_tanh_with_slope(V x) {
  // Outside +-32 the gate is 0 or 1. Clamping x avoids inf * 0 when x^2 overflows.
  const V held = V::max(V::set(-32.0f), V::min(V::set(32.0f), x));
  const V factor = V::set(2 * kSqrtTwoOverPi), one = V::set(1.0f);
  const Gate<V> s = gate(factor * V::fma(V::set(kGeluCubic) * held * held, held, held));
  const V slope = factor * V::fma(V::set(3 * kGeluCubic) * held, held, one);
  return {x * s.open, s.open * V::fma(held * s.closed, slope, one)};
}
template <class V>
[[gnu::always_inline]] inline V gelu_tanh(V x) {
  return gelu_tanh_with_slope(x).value;
}
template <class V>
[[gnu::always_inline]] inline V gelu_tanh_derivative(V x) {
  return gelu_tanh_with_slope(x).slope;
}

template <class V>
[[gnu::always_inline]] inline Activation<V> gelu_erf_with_slope(V x) {
  const Normal<V> p = normal(x);
  return {x * p.cdf, V::fma(x, p.density, p.cdf)};
}
template <class V>
[[gnu::always_inline]] inline V gelu_erf(V x) {
  return gelu_erf_with_slope(x).value;
}
template <class V>
[[gnu::always_inline]] inline V gelu_erf_derivative(V x) {
  return gelu_erf_with_slope(x).slope;
}

template <class V>
[[gnu::always_inline]] inline Activation<V> silu_with_slope(V x) {
  const Gate<V> s = gate(x);
  const V held = V::max(V::set(-128.0f), x);  // avoids -inf * 0
  return {x * s.open, s.open * V::fma(held, s.closed, V::set(1.0f))};
}
template <class V>
[[gnu::always_inline]] inline V silu(V x) {
  return silu_with_slope(x).value;
}
template <class V>
[[gnu::always_inline]] inline V silu_derivative(V x) {
  return silu_with_slope(x).slope;
}

}  // namespace headlight::kernels
