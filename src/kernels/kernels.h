// The kernel table: every loop over numbers that is worth making fast, as a function of pointers, sizes and strides.
//
// No tensors here, no allocation visible to the caller, no errors: callers have checked the shapes. `reference.cpp`
// fills the table with plain loops in float and in double and so *defines* what is correct; `portable.cpp` and
// `avx2.cpp` and `avx512.cpp` fill the same table for float from one source (simd_*.h), written over a vector type. tests/kernels
// compares every entry of every table with the reference.
//
// Rules that hold for every entry:
//  - a result does not depend on the number of threads, nor on where in a row an element stands (the vector body and
//    its tail compute the same function);
//  - outputs do not overlap inputs unless the comment says "in place allowed";
//  - sizes may be 0; pointers of empty ranges are not read.
#pragma once

#include <cstdint>

#include "base/isa.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "kernels/attention.h"

namespace headlight::kernels {

enum class Unary { kNeg, kExp, kLog, kSqrt, kTanh, kSigmoid, kRelu, kGeluTanh, kGeluErf, kSilu };
inline constexpr int kUnaryCount = 10;

enum class Binary { kAdd, kSub, kMul, kDiv };

// C = alpha * op(A) op(B), or C += alpha * op(A) op(B) when `accumulate`; for each of batch_outer x batch_inner pairs.
//   op(A) is m x k: row-major with leading dimension lda (A stored m x k), or stored k x m when trans_a.
//   op(B) is k x n: row-major with leading dimension ldb (B stored k x n), or stored n x k when trans_b.
//   C is m x n, row-major with leading dimension ldc. A stride of 0 repeats an input over that batch axis.
// Where `bias` is not null its n numbers are added to every row of C; alpha must be 1 then. Where `addend` is not null it is
// added last of all, to the rounded result: the bits are those of two steps.
// Uses threads by itself. k = 0 gives zeros or the bias (or leaves C as it is when accumulating). C never overlaps A or B.
template <class T>
struct Gemm {
  Index m = 0, n = 0, k = 0;
  const T* a = nullptr;
  Index lda = 0;
  bool trans_a = false;
  const T* b = nullptr;
  Index ldb = 0;
  bool trans_b = false;
  T* c = nullptr;
  Index ldc = 0;
  T alpha = 1;
  bool accumulate = false;
  const T* bias = nullptr;    // [n]
  const T* addend = nullptr;  // lies like C: ldc, c_outer, c_inner
  Index batch_outer = 1, batch_inner = 1;
  Index a_outer = 0, a_inner = 0;  // distance in elements from one batch to the next
  Index b_outer = 0, b_inner = 0;
  Index c_outer = 0, c_inner = 0;
};

// Weights of eight bits come in groups of so many along a row, each with a scale; a row is padded with zeros to whole
// groups.
inline constexpr Index kInt8Group = 64;

// log sum exp x as the sum of two numbers. Subtract them one after the other: their rounded sum is the largest element
// alone when that is far from 0.
template <class T>
struct LogSumExp {
  T largest, log_sum;  // log_sum = log sum exp(x - largest)
};

// One AdamW step for a run of parameters (Loshchilov, Hutter 2019), decay decoupled from the gradient:
//   g <- grad_scale g;  m <- beta1 m + (1-beta1) g;  v <- beta2 v + (1-beta2) g^2
//   p <- p - lr decay p - lr (m / correction1) / (sqrt(v / correction2) + eps)
struct AdamW {
  double lr, beta1, beta2, eps, decay;
  double correction1, correction2;  // 1 - beta^step
  double grad_scale;
};

template <class T>
struct Table {
  const char* name;

  void (*gemm)(const Gemm<T>& g);

  // ---- a matrix and one vector; on the calling thread, which has split the rows ----
  // y [rows] = w x + bias: w [rows, n] row-major without gaps, x [n], bias [rows] or null. A row's result is the same
  // whichever rows are computed with it.
  void (*matvec)(Index rows, Index n, const T* w, const T* x, const T* bias, T* y);
  // The same with w[r, i] = scales[r, i / kInt8Group] * w[r, i]: with G = ceil(n / kInt8Group) groups to a row, w is
  // [rows, G * kInt8Group], zero from n on, and scales [rows, G].
  void (*matvec_int8)(Index rows, Index n, const std::int8_t* w, const T* scales, const T* x, const T* bias, T* y);
  // y [n] = x a: x [m], a [m, n] row-major with leading dimension ld.
  void (*vecmat)(Index m, Index n, const T* x, const T* a, Index ld, T* y);

  // ---- elementwise, n contiguous elements; in place allowed ----
  void (*unary)(Unary op, Index n, const T* x, T* y);
  // dx = dy f'(x); y = f(x) is given for the functions whose derivative is simpler in it (exp, sqrt, tanh, sigmoid).
  void (*unary_backward)(Unary op, Index n, const T* x, const T* y, const T* dy, T* dx);
  // y = f(x), the bits that unary() gives, and slope = f'(x); y may be x. For the GELUs and SiLU, where both need the same
  // exponential.
  void (*unary_with_slope)(Unary op, Index n, const T* x, T* y, T* slope);
  // y[i] = a[i * a_step] op b[i * b_step]; a step is 1 or 0 (a scalar repeated).
  void (*binary)(Binary op, Index n, const T* a, Index a_step, const T* b, Index b_step, T* y);
  void (*accumulate)(Index n, const T* x, T* y);              // y += x
  void (*scale)(Index n, T factor, const T* x, T* y);         // y = factor x
  void (*multiply_add)(Index n, T factor, const T* x, T* y);  // y += factor x
  // Inverted dropout: y[i] = x[i] * scale where the random 24-bit number of element first+i is >= threshold, else 0.
  // The number is the top 24 bits of mix64(key + first + i): it depends on the element alone, so the backward pass
  // makes the same mask again and nothing is saved.
  void (*dropout)(Index n, std::uint64_t key, Index first, std::uint32_t threshold, T scale, const T* x, T* y);

  // ---- reductions over the middle axis of [outer, n, inner] ----
  void (*sum_axis)(Index outer, Index n, Index inner, const T* x, T* y);  // y [outer, inner]
  // The largest element and where it stands (the first of equals); n >= 1. NaN wins over numbers.
  void (*max_axis)(Index outer, Index n, Index inner, const T* x, T* y, std::int32_t* where);

  // ---- one row of n ----
  // y = softmax(x); where mask is not null, elements whose mask is 0 are left out (y = 0 there). A row with nothing
  // left in it but -inf gives zeros. In place allowed.
  void (*softmax_row)(Index n, const T* x, const T* mask, T* y);
  // dx = y (dy - sum(y dy)). Elements whose mask is 0 are left out of the sum and get 0, whatever their dy. In place of dy
  // allowed.
  void (*softmax_backward_row)(Index n, const T* y, const T* mask, const T* dy, T* dx);
  LogSumExp<T> (*logsumexp_row)(Index n, const T* x);                         // n >= 1
  void (*log_softmax_row)(Index n, const T* x, T* y);                         // y = x - logsumexp(x)
  void (*log_softmax_backward_row)(Index n, const T* y, const T* dy, T* dx);  // dx = dy - exp(y) sum(dy)
  // dx[i] = g (exp(x[i] - lse) - [i == target]): the derivative of g * (lse - x[target]).
  void (*cross_entropy_backward_row)(Index n, const T* x, LogSumExp<T> lse, Index target, T g, T* dx);

  // ---- `rows` rows of n ----
  // y = gamma (x - mean) rstd + beta, rstd = 1 / sqrt(variance + eps), variance the biased one (Ba et al. 2016).
  // mean and rstd [rows] are kept for the backward pass.
  void (*layer_norm)(Index rows, Index n, const T* x, const T* gamma, const T* beta, T eps, T* y, T* mean, T* rstd);
  // With xhat = (x - mean) rstd and h = dy gamma: dx = rstd (h - average(h) - xhat average(h xhat));
  // dgamma [n] += sum over rows of dy xhat; dbeta [n] += sum over rows of dy.
  void (*layer_norm_backward)(Index rows, Index n, const T* x, const T* gamma, const T* mean, const T* rstd,
                              const T* dy, T* dx, T* dgamma, T* dbeta);
  // y = gamma x rstd, rstd = 1 / sqrt(mean(x^2) + eps) (Zhang, Sennrich 2019).
  void (*rms_norm)(Index rows, Index n, const T* x, const T* gamma, T eps, T* y, T* rstd);
  // With h = dy gamma: dx = rstd (h - x rstd^2 average(h x)); dgamma [n] += sum over rows of dy x rstd.
  void (*rms_norm_backward)(Index rows, Index n, const T* x, const T* gamma, const T* rstd, const T* dy, T* dx,
                            T* dgamma);

  // ---- attention (kernels/attention.h) ----
  void (*attention)(const Attention<T>& a);
  void (*attention_backward)(const AttentionBackward<T>& g);

  // ---- optimizers ----
  double (*sum_squares)(Index n, const T* x);  // in double
  void (*adamw)(const AdamW& step, Index n, const T* gradient, T* parameter, T* m, T* v);
};

// The table of an instruction set. Float64 is for checking and is always computed by the reference.
const Table<float>& table(Isa isa);
const Table<float>& float_reference();
const Table<double>& double_reference();

// The table in use for an element type.
template <class T>
const Table<T>& active();
template <>
inline const Table<float>& active<float>() {
  return table(current_isa());
}
template <>
inline const Table<double>& active<double>() {
  return double_reference();
}

// Defined in the file of each set.
const Table<float>& portable_table();
const Table<float>& avx2_table();
const Table<float>& avx512_table();

}  // namespace headlight::kernels
