// Muon: momentum whose matrices are orthogonalized by two Newton-Schulz steps.
//
// The polar factor O = U (U^T U)^(-1/2) of a matrix U has the singular vectors of U, and all singular values are 1.
// Newton-Schulz steps approximate it by products alone (Jordan et al. 2024, "Muon: an optimizer for hidden layers in
// neural networks"). With an odd polynomial p(x) = a x + b x^3 + c x^5, the step
//   X <- a X + b X (X^T X) + c X (X^T X)^2
// maps each singular value x to p(x). The steps start from X = U / |U|, whose singular values lie in [0, 1], and move
// them towards 1. Amsel et al. 2025, "The Polar Express", choose for each step the polynomial with the smallest maximal
// error on the interval to which the previous step maps the singular values. Here the first step has degree 5, the
// second degree 9.
//
// All factors are polynomials in the Gram matrix R = X^T X, so the steps need R alone, whose size n is the smaller side
// of U. With P = a I + b R + c R^2 + ..., a step is X <- X P, and R <- P R P. In the end O = U (P1 P2) / |U|. For U
// with fewer rows than columns, R = X X^T and O = (P1 P2) U / |U|.
//
// R, P1 and P2 commute, so every product of them is symmetric, and half of its elements suffice.
#include <algorithm>
#include <cmath>

#include "base/workspace.h"
#include "headlight/optim/optimizer.h"
#include "kernels/kernels.h"
#include "optim/common.h"

namespace headlight {

namespace {

// Coefficients of x, x^3, x^5, ... of the steps for singular values in [0.002, 1] (Amsel et al. 2025, algorithm 1;
// computed in tests/parity/make_muon_fixture.py).
constexpr double kFirst[] = {8.25301546, -23.4985199, 17.2289986};
constexpr double kSecond[] = {6.92518588, -16.0515541, 13.2872128, -4.29592447, 0.472143679};
// Each step divides its argument by this factor, so that rounding cannot move a singular value out of the interval.
constexpr double kSafety = 1.02;
// Added to the norm of U; a matrix of zeros gives O = 0.
constexpr double kEps = 1e-7;

// Rows of a symmetric product that are computed together.
constexpr Index kStrip = 24;

// C [n,n] = alpha op(A) B for factors whose product is symmetric. Computes strips of rows up to their last diagonal
// element, and mirrors the part left of the diagonal block.
void symmetric_product(const kernels::Gemm<float>& g) {
  const auto& table = kernels::active<float>();
  for (Index row = 0; row < g.n; row += kStrip) {
    kernels::Gemm<float> strip = g;
    strip.m = std::min(kStrip, g.n - row);
    strip.n = row + strip.m;
    strip.a += g.trans_a ? row : row * g.lda;
    strip.c += row * g.ldc;
    table.gemm(strip);
    table.transpose(strip.m, row, strip.c, g.ldc, g.c + row, g.ldc);
  }
}

// C = A B for symmetric [n,n] that commute.
void symmetric_product(Index n, const float* a, const float* b, float* c) {
  symmetric_product({.m = n, .n = n, .k = n, .a = a, .lda = n, .b = b, .ldb = n, .c = c, .ldc = n});
}

// Y += a I + b R. [n,n]
void add_linear(Index n, float a, float b, const float* r, float* y) {
  kernels::active<float>().multiply_add(n * n, b, r, y);
  for (Index i = 0; i < n; ++i) y[i * n + i] += a;
}

// Y = a I + b R + c R2. [n,n]
void quadratic(Index n, float a, float b, float c, const float* r, const float* r2, float* y) {
  kernels::active<float>().scale(n * n, c, r2, y);
  add_linear(n, a, b, r, y);
}

// The coefficient of x^(2 i + 1) with the safety factor.
float safe(double coefficient, int i) { return static_cast<float>(coefficient / std::pow(kSafety, 2 * i + 1)); }

}  // namespace

Muon::Muon(std::vector<NamedTensor> parameters, const Options& options)
    : AdamW(std::move(parameters), options.others, MatrixRule::kWholeMatrix), options_(options) {
  momentum_ = zeros_like(parameters_, [&](const NamedTensor& p) { return uses_matrix_update(p); });
  check_unit_interval("muon", "momentum_start", options.momentum_start);
  check_unit_interval("muon", "momentum", options.momentum);
  check_decay("muon", options.weight_decay);
  if (!(options.matrix_rate >= 0) || std::isinf(options.matrix_rate))
    fail("muon: matrix_rate ", options.matrix_rate, "; use a finite number >= 0");
  if (options.momentum_steps < 1) fail("muon: momentum_steps ", options.momentum_steps, " is below 1");
}

std::vector<NamedTensor> Muon::state() const {
  std::vector<NamedTensor> state = AdamW::state();
  append_state(state, parameters_, momentum_, "momentum");
  return state;
}

void Muon::update_matrix(const Matrix& w, double learning_rate, double gradient_scale) {
  const auto& table = kernels::active<float>();
  const Index size = w.rows * w.cols, n = std::min(w.rows, w.cols);
  const bool tall = w.rows >= w.cols;
  float* u = workspace(Workspace::kOptimizer, 2 * size + 5 * n * n);
  float *columns = u + size, *r = columns + size, *r2 = r + n * n, *p1 = r2 + n * n, *p2 = p1 + n * n, *t = p2 + n * n;

  const double warmed_up =
      std::min(1.0, static_cast<double>(steps_ - 1) / static_cast<double>(options_.momentum_steps));
  const double b = options_.momentum_start + warmed_up * (options_.momentum - options_.momentum_start);
  float* m = momentum_[w.parameter].data<float>() + w.begin;
  table.nesterov(size, static_cast<float>(b), static_cast<float>((1 - b) * gradient_scale), w.gradient, m, u);
  // The Gram matrix. The transpose of a wide U is tall, with the same Gram matrix.
  if (tall) columns = u;
  else table.transpose(w.rows, w.cols, u, w.cols, columns, n);
  symmetric_product({.m = n,
                     .n = n,
                     .k = size / n,
                     .a = columns,
                     .lda = n,
                     .trans_a = true,
                     .b = columns,
                     .ldb = n,
                     .c = r,
                     .ldc = n});
  // |U| = (sum of the 4th powers of the singular values)^(1/4) is closer to the largest singular value than the
  // Frobenius norm is.
  const double norm = std::sqrt(std::sqrt(table.sum_squares(n * n, r))) + kEps;
  table.scale(n * n, static_cast<float>(1 / (norm * norm)), r, r);

  // P1 = a I + b R + c R^2, and R <- P1 R P1.
  symmetric_product(n, r, r, r2);
  quadratic(n, safe(kFirst[0], 0), safe(kFirst[1], 1), safe(kFirst[2], 2), r, r2, p1);
  symmetric_product(n, p1, r, t);
  symmetric_product(n, t, p1, r);
  // P2 = (a I + b R) + (c I + d R + e R^2) R^2, and T = P1 P2.
  symmetric_product(n, r, r, r2);
  quadratic(n, safe(kSecond[2], 2), safe(kSecond[3], 3), safe(kSecond[4], 4), r, r2, t);
  symmetric_product(n, t, r2, p2);
  add_linear(n, safe(kSecond[0], 0), safe(kSecond[1], 1), r, p2);
  symmetric_product(n, p1, p2, t);

  // W <- (1 - rate decay) W - rate scale O, with O = U T / |U| or T U / |U|.
  const double rate = learning_rate * options_.matrix_rate;
  const double scale = std::sqrt(std::max(1.0, static_cast<double>(w.rows) / static_cast<double>(w.cols)));
  table.scale(size, static_cast<float>(1 - rate * options_.weight_decay), w.value, w.value);
  table.gemm({.m = w.rows,
              .n = w.cols,
              .k = n,
              .a = tall ? u : t,
              .lda = n,
              .b = tall ? t : u,
              .ldb = w.cols,
              .c = w.value,
              .ldc = w.cols,
              .alpha = static_cast<float>(-rate * scale / norm),
              .accumulate = true});
}

}  // namespace headlight
