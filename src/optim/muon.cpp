// Muon: momentum whose matrices are orthogonalized by a few Newton-Schulz steps.
//
// The polar factor O = U (U^T U)^(-1/2) of a matrix U keeps its singular vectors and sets its singular values to 1.
// Newton-Schulz steps approximate it by products alone (Jordan et al. 2024, "Muon: an optimizer for hidden layers in
// neural networks"): an odd polynomial p(x) = a x + b x^3 + c x^5 of a matrix,
//   X <- a X + b X (X^T X) + c X (X^T X)^2,
// maps each singular value x to p(x). Starting from X = U / |U|, whose singular values lie in [0, 1], a sequence of
// polynomials moves them towards 1. Amsel et al. 2025, "The Polar Express", choose for each step the polynomial with
// the smallest largest error on the interval that the previous step leaves.
//
// All factors are polynomials in the Gram matrix R = X^T X, so the iteration runs on it alone, with the smaller side n
// of U as its size. With P = a I + b R + c R^2, a step is X <- X P, that is R <- P R P and, for the product of all
// steps, Q <- Q P. In the end O = X Q. For U with fewer rows than columns, R = X X^T and O = Q X.
//
// R, P and Q commute, so every product of them is symmetric, and half of its elements suffice.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/workspace.h"
#include "headlight/optim/optimizer.h"
#include "kernels/kernels.h"
#include "optim/common.h"

namespace headlight {

namespace {

struct Quintic {
  double a, b, c;
};
// The first steps of Polar Express for singular values in [0.001, 1] (Amsel et al. 2025, algorithm 1).
constexpr Quintic kSteps[] = {{8.28721201814563, -23.595886519098837, 17.300387312530933},
                              {4.107059111542203, -2.9478499167379106, 0.5448431082926601},
                              {3.9486908534822946, -2.908902115962949, 0.5518191394370137}};
// Each step divides its argument by this factor, so that rounding cannot move a singular value out of the interval.
constexpr double kSafety = 1.02;
// Added to the norm of U; a matrix of zeros gives O = 0.
constexpr double kEps = 1e-7;

// Rows of a symmetric product that are computed together.
constexpr Index kStrip = 24;

// C [n,n] = alpha op(A) B, which the caller knows to be symmetric: computes strips of rows up to their last diagonal
// element, and copies the part left of the diagonal to the other side.
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

}  // namespace

Muon::Muon(std::vector<NamedTensor> parameters, const Options& options)
    : AdamW(std::move(parameters), options.others, MatrixRule::kWhole), options_(options) {
  momentum_ = zeros_like(parameters_, [&](const NamedTensor& p) { return by_matrix(p); });
  check_share("muon", "momentum_start", options.momentum_start);
  check_share("muon", "momentum", options.momentum);
  check_decay("muon", options.weight_decay);
  if (!(options.matrix_rate >= 0) || std::isinf(options.matrix_rate))
    fail("muon: matrix_rate ", options.matrix_rate, " is not a number from 0 up");
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
  float* u = workspace(Workspace::kOptimizer, 2 * size + 4 * n * n);
  float *columns = u + size, *r = columns + size, *p = r + n * n, *q = p + n * n, *t = q + n * n;

  const double risen = std::min(1.0, static_cast<double>(steps_ - 1) / static_cast<double>(options_.momentum_steps));
  const double b = options_.momentum_start + risen * (options_.momentum - options_.momentum_start);
  float* m = momentum_[w.parameter].data<float>() + w.begin;
  table.nesterov(size, static_cast<float>(b), static_cast<float>((1 - b) * gradient_scale), w.gradient, m, u);
  const double norm = std::sqrt(table.sum_squares(size, u)) + kEps;
  // The transpose of a wide U is tall, with the same Gram matrix.
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
                     .ldc = n,
                     .alpha = static_cast<float>(1 / (norm * norm))});
  for (const Quintic& step : kSteps) {
    const bool first = &step == std::begin(kSteps), last = &step + 1 == std::end(kSteps);
    symmetric_product(n, r, r, p);
    table.scale(n * n, static_cast<float>(step.c / std::pow(kSafety, 5)), p, p);
    table.multiply_add(n * n, static_cast<float>(step.b / std::pow(kSafety, 3)), r, p);
    for (Index i = 0; i < n; ++i) p[i * n + i] += static_cast<float>(step.a / kSafety);
    if (!last) {
      symmetric_product(n, p, r, t);
      symmetric_product(n, t, p, r);
    }
    if (!first) symmetric_product(n, q, p, t);
    std::swap(q, first ? p : t);
  }

  const double rate = learning_rate * options_.matrix_rate;
  const double scale = std::sqrt(std::max(1.0, static_cast<double>(w.rows) / static_cast<double>(w.cols)));
  table.scale(size, static_cast<float>(1 - rate * options_.weight_decay), w.value, w.value);
  table.gemm({.m = w.rows,
              .n = w.cols,
              .k = n,
              .a = tall ? u : q,
              .lda = n,
              .b = tall ? q : u,
              .ldb = w.cols,
              .c = w.value,
              .ldc = w.cols,
              .alpha = static_cast<float>(-rate * scale / norm),
              .accumulate = true});
}

}  // namespace headlight
