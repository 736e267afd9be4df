// Reference elementwise kernels: activation functions and their derivatives, arithmetic, dropout, AdamW,
// Nesterov momentum, transposition.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "headlight/base/random.h"
#include "kernels/kernels.h"

namespace headlight::kernels::reference {

// GELU (Hendrycks and Gimpel 2016) is x Phi(x), Phi the standard normal CDF. The tanh form approximates
// Phi(x) by (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2.
inline constexpr double kGeluScale = 0.79788456080286535588;  // sqrt(2 / pi)
inline constexpr double kGeluCubic = 0.044715;

// y = f(x).
inline double apply(Unary op, double x) {
  switch (op) {
    case Unary::kNeg:
      return -x;
    case Unary::kExp:
      return std::exp(x);
    case Unary::kLog:
      return std::log(x);
    case Unary::kSqrt:
      return std::sqrt(x);
    case Unary::kTanh:
      return std::tanh(x);
    case Unary::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Unary::kRelu:
      return x < 0 ? 0 : x;
    case Unary::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(kGeluScale * (x + kGeluCubic * x * x * x)));
    case Unary::kGeluErf:
      return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    case Unary::kSilu:
      return x / (1 + std::exp(-x));
  }
  return 0;
}

// dy/dx = f'(x), given x and y = f(x).
inline double derivative(Unary op, double x, double y) {
  switch (op) {
    case Unary::kNeg:
      return -1;
    case Unary::kExp:
      return y;
    case Unary::kLog:
      return 1 / x;
    case Unary::kSqrt:
      return 0.5 / y;
    case Unary::kTanh:
      return 1 - y * y;
    case Unary::kSigmoid:
      return y * (1 - y);
    case Unary::kRelu:
      return x > 0 || std::isnan(x) ? 1 : 0;
    case Unary::kGeluTanh: {
      x = std::clamp(x, -32.0, 32.0);  // f' is 0 or 1 beyond; x^2 must not overflow
      const double t = std::tanh(kGeluScale * (x + kGeluCubic * x * x * x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kGeluScale * (1 + 3 * kGeluCubic * x * x);
    }
    case Unary::kGeluErf: {
      const double density = std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi);
      return 0.5 * (1 + std::erf(x / std::numbers::sqrt2)) + x * density;
    }
    case Unary::kSilu: {
      x = std::max(x, -1000.0);  // avoids -inf * 0; keeps NaN
      const double s = 1 / (1 + std::exp(-x));
      return s * (1 + x * (1 - s));
    }
  }
  return 0;
}

template <class T>
void unary(Unary op, Index n, const T* x, T* y) {
  for (Index i = 0; i < n; ++i) y[i] = static_cast<T>(apply(op, static_cast<double>(x[i])));
}

template <class T>
void unary_backward(Unary op, Index n, const T* x, const T* y, const T* dy, T* dx) {
  for (Index i = 0; i < n; ++i) {
    const double slope = derivative(op, static_cast<double>(x[i]), static_cast<double>(y[i]));
    // ReLU's gradient is exactly 0 where it is flat, even for an infinite dy (0 * inf would be NaN).
    dx[i] = op == Unary::kRelu && slope == 0 ? T{0} : static_cast<T>(static_cast<double>(dy[i]) * slope);
  }
}

template <class T>
void unary_with_slope(Unary op, Index n, const T* x, T* y, T* slope) {
  for (Index i = 0; i < n; ++i) {
    const double at = static_cast<double>(x[i]), value = apply(op, at);
    slope[i] = static_cast<T>(derivative(op, at, value));
    y[i] = static_cast<T>(value);
  }
}

template <class T>
void binary(Binary op, Index n, const T* a, Index a_step, const T* b, Index b_step, T* y) {
  for (Index i = 0; i < n; ++i) {
    const T p = a[i * a_step], q = b[i * b_step];
    switch (op) {
      case Binary::kAdd:
        y[i] = p + q;
        break;
      case Binary::kSub:
        y[i] = p - q;
        break;
      case Binary::kMul:
        y[i] = p * q;
        break;
      case Binary::kDiv:
        y[i] = p / q;
        break;
    }
  }
}

template <class T>
void accumulate(Index n, const T* x, T* y) {
  for (Index i = 0; i < n; ++i) y[i] += x[i];
}

template <class T>
void scale(Index n, T factor, const T* x, T* y) {
  for (Index i = 0; i < n; ++i) y[i] = factor * x[i];
}

template <class T>
void multiply_add(Index n, T factor, const T* x, T* y) {
  for (Index i = 0; i < n; ++i) y[i] += factor * x[i];
}

template <class T>
void dropout(Index n, std::uint64_t key, Index first, std::uint32_t threshold, T factor, const T* x, T* y) {
  for (Index i = 0; i < n; ++i) {
    const auto number = static_cast<std::uint32_t>(mix64(key + static_cast<std::uint64_t>(first + i)) >> 40);
    y[i] = number >= threshold ? factor * x[i] : T{0};
  }
}

// gradient, parameter, m, v: [n].
//   1. g = grad_scale gradient
//   2. m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
//   3. parameter -= lr (decay parameter + (m / correction1) / (sqrt(v / correction2) + eps))
template <class T>
void adamw(const AdamW& s, Index n, const T* gradient, T* parameter, T* m, T* v) {
  for (Index i = 0; i < n; ++i) {
    const double g = s.grad_scale * static_cast<double>(gradient[i]);
    m[i] = static_cast<T>(s.beta1 * static_cast<double>(m[i]) + (1 - s.beta1) * g);
    v[i] = static_cast<T>(s.beta2 * static_cast<double>(v[i]) + (1 - s.beta2) * g * g);
    const double p = static_cast<double>(parameter[i]);
    const double update =
        (static_cast<double>(m[i]) / s.correction1) / (std::sqrt(static_cast<double>(v[i]) / s.correction2) + s.eps);
    parameter[i] = static_cast<T>(p - s.lr * s.decay * p - s.lr * update);
  }
}

template <class T>
void rotate(Index heads, Index half, T sign, const T* cosine, const T* sine, const T* x, T* y) {
  for (Index h = 0; h < heads; ++h, x += 2 * half, y += 2 * half)
    for (Index i = 0; i < half; ++i) {
      const T low = x[i], high = x[i + half];
      y[i] = low * cosine[i] - sign * high * sine[i];
      y[i + half] = sign * low * sine[i] + high * cosine[i];
    }
}

template <class T>
void nesterov(Index n, T keep, T take, const T* gradient, T* m, T* u) {
  for (Index i = 0; i < n; ++i) {
    m[i] = keep * m[i] + take * gradient[i];
    u[i] = keep * m[i] + take * gradient[i];
  }
}

template <class T>
void transpose(Index rows, Index cols, const T* x, Index ldx, T* y, Index ldy) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) y[j * ldy + i] = x[i * ldx + j];
}

}  // namespace headlight::kernels::reference
