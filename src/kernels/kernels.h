// The kernel table: every performance-critical loop as a function of pointers, sizes and strides.
//
// Kernels take pointers instead of tensors, report no errors (callers check the shapes) and allocate only thread-local
// workspaces. `reference.cpp` fills the table with plain loops, in float and in double, and *defines* the correct
// results. `portable.cpp`, `avx2.cpp` and `avx512.cpp` fill the float table from one source (simd/*.h), written over a
// vector type. `avx512_bf16.cpp` replaces one entry. tests/kernels compares every entry of every table with the
// reference.
//
// Rules for every entry:
//  - a result depends neither on the number of threads nor on an element's position in its row (the vector body and
//    the tail compute the same function);
//  - outputs do not overlap inputs unless the comment says "in place allowed";
//  - sizes may be 0; pointers of empty ranges are never dereferenced.
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

// C = alpha * op(A) op(B), or C += alpha * op(A) op(B) when `accumulate`, for each of batch_outer x batch_inner pairs.
//   op(A) is m x k: row-major with leading dimension lda (A stored m x k), or stored k x m when trans_a.
//   op(B) is k x n: row-major with leading dimension ldb (B stored k x n), or stored n x k when trans_b.
//   C is m x n, row-major with leading dimension ldc. A stride of 0 repeats an input over that batch axis.
// A non-null `bias` [n] is added to every row of C; alpha must be 1 then. A non-null `addend` is added last, to the
// rounded result, so the bits equal those of a separate addition.
// The kernel is multithreaded. With k = 0 the product is 0, so C becomes 0 or the bias, or does not change when
// accumulating.
// C never overlaps A or B.
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
  const T* addend = nullptr;  // same layout as C: ldc, c_outer, c_inner
  Index batch_outer = 1, batch_inner = 1;
  Index a_outer = 0, a_inner = 0;  // batch strides in elements
  Index b_outer = 0, b_inner = 0;
  Index c_outer = 0, c_inner = 0;
};

// Length of the blocks into which a product cuts k: nearly equal, a multiple of 8, at most kGemmBlock. The reference's
// float32 product does not use blocks. The sums of the blocks are added to C in order. There are never three blocks,
// because two threads that divide the blocks (simd/gemm_threads.h) would both read the middle block. (With five or more
// blocks, one shared block matters less.)
inline constexpr Index kGemmBlock = 384;
[[gnu::always_inline]] inline Index gemm_block_length(Index k) {
  const Index fewest = (k + kGemmBlock - 1) / kGemmBlock, blocks = fewest == 3 ? 4 : fewest;
  if (blocks == 0) return 0;
  const Index length = ((k + blocks - 1) / blocks + 7) / 8 * 8;
  return length < k ? length : k;
}

// Number of int8 weights that share one scale. Groups run along a row; a row is padded with zeros to whole groups.
inline constexpr Index kInt8Group = 64;

// log sum exp x as largest + log_sum. Subtract the two terms one after the other: if x is far from 0, their rounded sum
// loses log_sum.
template <class T>
struct LogSumExp {
  T largest, log_sum;  // log_sum = log sum exp(x - largest)
};

// One AdamW step (Loshchilov and Hutter 2019); weight decay is decoupled from the gradient:
//   g <- grad_scale g;  m <- beta1 m + (1-beta1) g;  v <- beta2 v + (1-beta2) g^2
//   p <- p - lr decay p - lr (m / correction1) / (sqrt(v / correction2) + eps)
struct AdamW {
  double lr, beta1, beta2, eps, decay;
  // 1 - beta^step. m starts at 0, so E[m] = (1 - beta1^step) E[g]; dividing by correction1 removes this bias. The same
  // holds for v (Kingma, Ba 2015).
  double correction1, correction2;
  double grad_scale;
};

template <class T>
struct Table {
  const char* name;

  void (*gemm)(const Gemm<T>& g);
  // The same product of operands rounded to bfloat16, in the order of bf16.h. alpha, C, bias and addend are not
  // rounded. fast_bf16: the table uses bfloat16 instructions. The double table computes gemm instead.
  void (*gemm_bf16)(const Gemm<T>& g);
  bool fast_bf16;

  // ---- products of a matrix and one vector, single-threaded: the caller splits the rows over threads ----
  // y [rows] = w x + bias: w [rows, n] row-major without gaps, x [n], bias [rows] or null. A row's result does not
  // depend on how the rows are split.
  void (*matvec)(Index rows, Index n, const T* w, const T* x, const T* bias, T* y);
  // The same for int8 weights scales[r, i / kInt8Group] * w[r, i]. With G = ceil(n / kInt8Group) groups per row, w is
  // [rows, G * kInt8Group], zero from column n on, and scales is [rows, G].
  void (*matvec_int8)(Index rows, Index n, const std::int8_t* w, const T* scales, const T* x, const T* bias, T* y);
  // The same for bfloat16 weights, as stored bits (bf16.h); x is not rounded.
  void (*matvec_bf16)(Index rows, Index n, const std::uint16_t* w, const T* x, const T* bias, T* y);
  // y [n] = x a: x [m], a [m, n] row-major with leading dimension ld.
  void (*vecmat)(Index m, Index n, const T* x, const T* a, Index ld, T* y);

  // ---- elementwise on n contiguous elements; in place allowed ----
  void (*unary)(Unary op, Index n, const T* x, T* y);
  // dx = dy f'(x). exp, sqrt, tanh and sigmoid compute f' from y = f(x), the other functions from x.
  void (*unary_backward)(Unary op, Index n, const T* x, const T* y, const T* dy, T* dx);
  // y = f(x), bit-identical to unary(), and slope = f'(x); y may be x. Only for the GELUs and SiLU, whose value and
  // derivative share an exponential.
  void (*unary_with_slope)(Unary op, Index n, const T* x, T* y, T* slope);
  // y[i] = a[i * a_step] op b[i * b_step]; a step is 1, or 0 to repeat a scalar.
  void (*binary)(Binary op, Index n, const T* a, Index a_step, const T* b, Index b_step, T* y);
  void (*accumulate)(Index n, const T* x, T* y);              // y += x
  void (*scale)(Index n, T factor, const T* x, T* y);         // y = factor x
  void (*multiply_add)(Index n, T factor, const T* x, T* y);  // y += factor x
  // Inverted dropout: y[i] = x[i] * scale if the 24-bit random number of element first + i is >= threshold, else 0. The
  // random number is the top 24 bits of mix64(key + first + i). It depends on key and element only, so the backward
  // pass recomputes the mask, and nothing is saved.
  void (*dropout)(Index n, std::uint64_t key, Index first, std::uint32_t threshold, T scale, const T* x, T* y);

  // Rotates `heads` adjacent vectors of 2 * half elements each, all by the same angles (ops/rotate.cpp); sign is 1, or
  // -1 to rotate back. In place allowed.
  // y[i] = x[i] cosine[i] - sign x[i + half] sine[i] and y[i + half] = sign x[i] sine[i] + x[i + half] cosine[i]
  void (*rotate)(Index heads, Index half, T sign, const T* cosine, const T* sine, const T* x, T* y);

  // ---- reductions over the middle axis of [outer, n, inner] ----
  void (*sum_axis)(Index outer, Index n, Index inner, const T* x, T* y);  // y [outer, inner]
  // The maximum y and its index `where` along n (the first of equal maxima); n >= 1. NaN compares above every number.
  void (*max_axis)(Index outer, Index n, Index inner, const T* x, T* y, std::int32_t* where);

  // ---- one row of n ----
  // y = softmax(x). With a non-null mask [n], elements whose mask is 0 are excluded (y = 0). A row without remaining
  // elements, or with only -inf, gives zeros. In place allowed.
  void (*softmax_row)(Index n, const T* x, const T* mask, T* y);
  // dx = y (dy - sum(y dy)); derivation in reference/rows.h. Elements whose mask is 0 are excluded from the sum and get
  // 0, even if their dy is not finite. dx may be dy.
  void (*softmax_backward_row)(Index n, const T* y, const T* mask, const T* dy, T* dx);
  LogSumExp<T> (*logsumexp_row)(Index n, const T* x);                         // n >= 1
  void (*log_softmax_row)(Index n, const T* x, T* y);                         // y = x - logsumexp(x)
  void (*log_softmax_backward_row)(Index n, const T* y, const T* dy, T* dx);  // dx = dy - exp(y) sum(dy)
  // dx[i] = g (exp(x[i] - lse) - [i == target]): the derivative of g * (lse - x[target]).
  void (*cross_entropy_backward_row)(Index n, const T* x, LogSumExp<T> lse, Index target, T g, T* dx);

  // ---- `rows` rows of n ----
  // y = gamma (x - mean) rstd + beta with rstd = 1 / sqrt(variance + eps) and the biased variance (Ba et al. 2016).
  // mean and rstd [rows] are outputs for the backward pass.
  void (*layer_norm)(Index rows, Index n, const T* x, const T* gamma, const T* beta, T eps, T* y, T* mean, T* rstd);
  // With xhat = (x - mean) rstd and h = dy gamma: dx = rstd (h - average(h) - xhat average(h xhat)), derived in
  // reference/norm.h; dgamma [n] += sum over rows of dy xhat; dbeta [n] += sum over rows of dy.
  void (*layer_norm_backward)(Index rows, Index n, const T* x, const T* gamma, const T* mean, const T* rstd,
                              const T* dy, T* dx, T* dgamma, T* dbeta);
  // y = gamma x rstd with rstd = 1 / sqrt(mean(x^2) + eps) (Zhang and Sennrich 2019).
  void (*rms_norm)(Index rows, Index n, const T* x, const T* gamma, T eps, T* y, T* rstd);
  // With h = dy gamma: dx = rstd (h - x rstd^2 average(h x)); dgamma [n] += sum over rows of dy x rstd.
  void (*rms_norm_backward)(Index rows, Index n, const T* x, const T* gamma, const T* rstd, const T* dy, T* dx,
                            T* dgamma);

  // ---- gates of recurrent layers, for one row of n hidden units; ops/recurrent.cpp derives the formulas ----
  // LSTM. gates [4n] holds W h + x for the gates i, f, g, o; the kernel adds bias [4n] and stores the gates' values.
  // c = f c_before + i g;  h = o tanh(c). Outputs: gates, c, tanh_c, h.
  void (*lstm_gates)(Index n, const T* bias, const T* c_before, T* gates, T* c, T* tanh_c, T* h);
  // The gradient of h is dy + dh. dc holds the gradient of c that comes from the next step, and receives the gradient
  // of c_before. dgates [4n] receives the gradient of W h + x + bias.
  void (*lstm_gates_backward)(Index n, const T* gates, const T* c_before, const T* tanh_c, const T* dy, const T* dh,
                              T* dc, T* dgates);
  // GRU. The first 3n of gates [4n] hold W h; x and bias are [3n]. The kernel stores r, z, q = (W h + bias)_n and the
  // candidate n = tanh(x_n + r q);  h = (1 - z) n + z h_before.
  void (*gru_gates)(Index n, const T* x, const T* bias, const T* h_before, T* gates, T* h);
  // The gradient of h is dy + dh; dh receives the gradient of h_before without the part through W h. dx and dproduct
  // [3n] receive the gradients of x and of W h + bias.
  void (*gru_gates_backward)(Index n, const T* gates, const T* h_before, const T* dy, T* dh, T* dx, T* dproduct);

  // ---- attention (kernels/attention.h) ----
  void (*attention)(const Attention<T>& a);
  void (*attention_backward)(const AttentionBackward<T>& g);

  // ---- optimizers ----
  double (*sum_squares)(Index n, const T* x);  // accumulates in double
  void (*adamw)(const AdamW& step, Index n, const T* gradient, T* parameter, T* m, T* v);
  // Nesterov momentum (Sutskever et al. 2013): m <- keep m + take gradient; u = keep m + take gradient.
  void (*nesterov)(Index n, T keep, T take, const T* gradient, T* m, T* u);
  // y = x^T: x [rows, cols] with leading dimension ldx, y [cols, rows] with leading dimension ldy.
  void (*transpose)(Index rows, Index cols, const T* x, Index ldx, T* y, Index ldy);
};

// The table of an instruction set. Float64 is for gradient checks and always uses the reference.
const Table<float>& table(Isa isa);
const Table<float>& float_reference();
const Table<double>& double_reference();

// The active table for an element type.
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

// Each is defined in simd/NAME.cpp.
const Table<float>& portable_table();
const Table<float>& avx2_table();
const Table<float>& avx512_table();
const Table<float>& avx512_bf16_table();

}  // namespace headlight::kernels
