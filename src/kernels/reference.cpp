// The reference kernels: plain loops, in the order of the formula, sums in double. They define what is correct.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "headlight/base/random.h"
#include "headlight/base/threads.h"
#include "kernels/kernels.h"
#include "kernels/reference_attention.h"
#include "kernels/reference_matvec.h"

namespace headlight::kernels {

namespace {

// ---- the matrix product ----

// One batch entry, rows [begin, end): three loops, the sum over k innermost.
template <class T>
void gemm_rows(const Gemm<T>& g, const T* a, const T* b, const T* addend, T* c, Index begin, Index end) {
  for (Index i = begin; i < end; ++i) {
    for (Index j = 0; j < g.n; ++j) {
      double sum = 0;
      for (Index p = 0; p < g.k; ++p) {
        const T x = g.trans_a ? a[p * g.lda + i] : a[i * g.lda + p];
        const T y = g.trans_b ? b[j * g.ldb + p] : b[p * g.ldb + j];
        sum += static_cast<double>(x) * static_cast<double>(y);
      }
      T& out = c[i * g.ldc + j];
      const double product = static_cast<double>(g.alpha) * sum + (g.bias ? static_cast<double>(g.bias[j]) : 0);
      out = static_cast<T>(g.accumulate ? static_cast<double>(out) + product : product);
      if (addend) out += addend[i * g.ldc + j];
    }
  }
}

template <class T>
void gemm(const Gemm<T>& g) {
  const Index rows = g.batch_outer * g.batch_inner * g.m;
  // Some 2^18 products to a chunk, so that threads are woken for work that is worth it.
  const Index row_work = g.n * g.k > 0 ? g.n * g.k : 1;
  parallel_for(rows, (Index{1} << 18) / row_work + 1, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const Index batch = row / g.m, i = row % g.m;
      const Index outer = batch / g.batch_inner, inner = batch % g.batch_inner;
      const Index of_c = outer * g.c_outer + inner * g.c_inner;
      gemm_rows(g, g.a + outer * g.a_outer + inner * g.a_inner, g.b + outer * g.b_outer + inner * g.b_inner,
                g.addend ? g.addend + of_c : nullptr, g.c + of_c, i, i + 1);
    }
  });
}

// ---- elementwise ----

// GELU (Hendrycks, Gimpel 2016): x Phi(x); the tanh form approximates Phi by a logistic curve.
inline constexpr double kGeluScale = 0.79788456080286535588;  // sqrt(2 / pi)
inline constexpr double kGeluCubic = 0.044715;

double apply(Unary op, double x) {
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

// f'(x), with y = f(x).
double derivative(Unary op, double x, double y) {
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
      x = std::clamp(x, -32.0, 32.0);  // 0 or 1 from there on; x^2 must not overflow and meet a 0
      const double t = std::tanh(kGeluScale * (x + kGeluCubic * x * x * x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kGeluScale * (1 + 3 * kGeluCubic * x * x);
    }
    case Unary::kGeluErf: {
      const double density = std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi);
      return 0.5 * (1 + std::erf(x / std::numbers::sqrt2)) + x * density;
    }
    case Unary::kSilu: {
      x = std::max(x, -1000.0);  // an infinite x must not meet a 0; NaN stays
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
    // Where relu is flat the gradient is 0, whatever dy is: 0 times inf would be NaN.
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

// ---- reductions ----

template <class T>
void sum_axis(Index outer, Index n, Index inner, const T* x, T* y) {
  for (Index o = 0; o < outer; ++o) {
    for (Index i = 0; i < inner; ++i) {
      double sum = 0;
      for (Index j = 0; j < n; ++j) sum += static_cast<double>(x[(o * n + j) * inner + i]);
      y[o * inner + i] = static_cast<T>(sum);
    }
  }
}

template <class T>
void max_axis(Index outer, Index n, Index inner, const T* x, T* y, std::int32_t* where) {
  for (Index o = 0; o < outer; ++o) {
    for (Index i = 0; i < inner; ++i) {
      Index best = 0;
      T largest = x[o * n * inner + i];
      for (Index j = 1; j < n; ++j) {
        const T value = x[(o * n + j) * inner + i];
        if (value > largest || (std::isnan(value) && !std::isnan(largest))) {
          largest = value;
          best = j;
        }
      }
      y[o * inner + i] = largest;
      where[o * inner + i] = static_cast<std::int32_t>(best);
    }
  }
}

// ---- rows ----

template <class T>
void softmax_row(Index n, const T* x, const T* mask, T* y) {
  const auto allowed = [&](Index i) { return !mask || mask[i] != T{0}; };
  T largest = -std::numeric_limits<T>::infinity();
  for (Index i = 0; i < n; ++i)
    if (allowed(i) && !(x[i] <= largest)) largest = x[i];  // written so that NaN is kept
  if (largest == -std::numeric_limits<T>::infinity()) {
    for (Index i = 0; i < n; ++i) y[i] = 0;
    return;
  }
  double sum = 0;
  for (Index i = 0; i < n; ++i)
    if (allowed(i)) sum += std::exp(static_cast<double>(x[i]) - static_cast<double>(largest));
  for (Index i = 0; i < n; ++i) {
    const double e = allowed(i) ? std::exp(static_cast<double>(x[i]) - static_cast<double>(largest)) / sum : 0;
    y[i] = static_cast<T>(e);
  }
}

template <class T>
void softmax_backward_row(Index n, const T* y, const T* mask, const T* dy, T* dx) {
  const auto allowed = [&](Index i) { return !mask || mask[i] != T{0}; };
  double dot = 0;
  for (Index i = 0; i < n; ++i)
    if (allowed(i)) dot += static_cast<double>(y[i]) * static_cast<double>(dy[i]);
  for (Index i = 0; i < n; ++i)
    dx[i] = allowed(i) ? static_cast<T>(static_cast<double>(y[i]) * (static_cast<double>(dy[i]) - dot)) : T{0};
}

template <class T>
LogSumExp<double> logsumexp(Index n, const T* x) {
  T largest = x[0];
  for (Index i = 1; i < n; ++i)
    if (!(x[i] <= largest)) largest = x[i];
  if (std::isinf(largest)) return {static_cast<double>(largest), 0};  // all -inf, or one +inf
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i]) - static_cast<double>(largest));
  return {static_cast<double>(largest), std::log(sum)};
}

template <class T>
LogSumExp<T> logsumexp_row(Index n, const T* x) {
  const LogSumExp<double> lse = logsumexp(n, x);
  return {static_cast<T>(lse.largest), static_cast<T>(lse.log_sum)};
}

template <class T>
void log_softmax_row(Index n, const T* x, T* y) {
  if (n == 0) return;
  const LogSumExp<double> lse = logsumexp(n, x);
  for (Index i = 0; i < n; ++i) y[i] = static_cast<T>(static_cast<double>(x[i]) - lse.largest - lse.log_sum);
}

template <class T>
void log_softmax_backward_row(Index n, const T* y, const T* dy, T* dx) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += static_cast<double>(dy[i]);
  for (Index i = 0; i < n; ++i)
    dx[i] = static_cast<T>(static_cast<double>(dy[i]) - std::exp(static_cast<double>(y[i])) * sum);
}

template <class T>
void cross_entropy_backward_row(Index n, const T* x, LogSumExp<T> lse, Index target, T g, T* dx) {
  for (Index i = 0; i < n; ++i) {
    const double p =
        std::exp(static_cast<double>(x[i]) - static_cast<double>(lse.largest) - static_cast<double>(lse.log_sum));
    dx[i] = static_cast<T>(static_cast<double>(g) * (p - (i == target ? 1.0 : 0.0)));
  }
}

template <class T>
void layer_norm(Index rows, Index n, const T* x, const T* gamma, const T* beta, T eps, T* y, T* mean, T* rstd) {
  for (Index r = 0; r < rows; ++r, x += n, y += n) {
    double sum = 0, squares = 0;
    for (Index i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
    const double average = sum / static_cast<double>(n);
    for (Index i = 0; i < n; ++i) {
      const double d = static_cast<double>(x[i]) - average;
      squares += d * d;
    }
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(eps));
    for (Index i = 0; i < n; ++i) {
      const double normal = (static_cast<double>(x[i]) - average) * inverse;
      y[i] = static_cast<T>(static_cast<double>(gamma[i]) * normal + static_cast<double>(beta[i]));
    }
    mean[r] = static_cast<T>(average);
    rstd[r] = static_cast<T>(inverse);
  }
}

template <class T>
void layer_norm_backward(Index rows, Index n, const T* x, const T* gamma, const T* mean, const T* rstd, const T* dy,
                         T* dx, T* dgamma, T* dbeta) {
  for (Index r = 0; r < rows; ++r, x += n, dy += n, dx += n) {
    const auto normal = [&](Index i) {
      return (static_cast<double>(x[i]) - static_cast<double>(mean[r])) * static_cast<double>(rstd[r]);
    };
    const auto h = [&](Index i) { return static_cast<double>(dy[i]) * static_cast<double>(gamma[i]); };
    double average_h = 0, average_hx = 0;
    for (Index i = 0; i < n; ++i) {
      average_h += h(i);
      average_hx += h(i) * normal(i);
    }
    average_h /= static_cast<double>(n);
    average_hx /= static_cast<double>(n);
    for (Index i = 0; i < n; ++i) {
      dgamma[i] = static_cast<T>(static_cast<double>(dgamma[i]) + static_cast<double>(dy[i]) * normal(i));
      dbeta[i] += dy[i];
      dx[i] = static_cast<T>(static_cast<double>(rstd[r]) * (h(i) - average_h - normal(i) * average_hx));
    }
  }
}

template <class T>
void rms_norm(Index rows, Index n, const T* x, const T* gamma, T eps, T* y, T* rstd) {
  for (Index r = 0; r < rows; ++r, x += n, y += n) {
    double squares = 0;
    for (Index i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(eps));
    for (Index i = 0; i < n; ++i)
      y[i] = static_cast<T>(static_cast<double>(gamma[i]) * static_cast<double>(x[i]) * inverse);
    rstd[r] = static_cast<T>(inverse);
  }
}

template <class T>
void rms_norm_backward(Index rows, Index n, const T* x, const T* gamma, const T* rstd, const T* dy, T* dx, T* dgamma) {
  for (Index r = 0; r < rows; ++r, x += n, dy += n, dx += n) {
    const double inverse = static_cast<double>(rstd[r]);
    double average_hx = 0;
    for (Index i = 0; i < n; ++i)
      average_hx += static_cast<double>(dy[i]) * static_cast<double>(gamma[i]) * static_cast<double>(x[i]);
    average_hx /= static_cast<double>(n);
    for (Index i = 0; i < n; ++i) {
      const double h = static_cast<double>(dy[i]) * static_cast<double>(gamma[i]);
      const double xi = static_cast<double>(x[i]);
      dgamma[i] = static_cast<T>(static_cast<double>(dgamma[i]) + static_cast<double>(dy[i]) * xi * inverse);
      dx[i] = static_cast<T>(inverse * (h - xi * inverse * inverse * average_hx));
    }
  }
}

// ---- optimizers ----

template <class T>
double sum_squares(Index n, const T* x) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

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
Table<T> make_table() {
  Table<T> t{};
  t.name = "reference";
  t.gemm = gemm<T>;
  t.matvec = reference_matvec<T>;
  t.matvec_int8 = reference_matvec_int8<T>;
  t.vecmat = reference_vecmat<T>;
  t.unary = unary<T>;
  t.unary_backward = unary_backward<T>;
  t.unary_with_slope = unary_with_slope<T>;
  t.binary = binary<T>;
  t.accumulate = accumulate<T>;
  t.scale = scale<T>;
  t.multiply_add = multiply_add<T>;
  t.dropout = dropout<T>;
  t.sum_axis = sum_axis<T>;
  t.max_axis = max_axis<T>;
  t.softmax_row = softmax_row<T>;
  t.softmax_backward_row = softmax_backward_row<T>;
  t.logsumexp_row = logsumexp_row<T>;
  t.log_softmax_row = log_softmax_row<T>;
  t.log_softmax_backward_row = log_softmax_backward_row<T>;
  t.cross_entropy_backward_row = cross_entropy_backward_row<T>;
  t.layer_norm = layer_norm<T>;
  t.layer_norm_backward = layer_norm_backward<T>;
  t.rms_norm = rms_norm<T>;
  t.rms_norm_backward = rms_norm_backward<T>;
  t.attention = reference_attention<T>;
  t.attention_backward = reference_attention_backward<T>;
  t.sum_squares = sum_squares<T>;
  t.adamw = adamw<T>;
  return t;
}

}  // namespace

const Table<float>& float_reference() {
  static const Table<float> t = make_table<float>();
  return t;
}

const Table<double>& double_reference() {
  static const Table<double> t = make_table<double>();
  return t;
}

const Table<float>& table(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return float_reference();
    case Isa::kPortable:
      return portable_table();
    case Isa::kAvx2:
      return avx2_table();
    case Isa::kAvx512:
      return avx512_table();
  }
  return float_reference();
}

}  // namespace headlight::kernels
