// The update steps of AdamW and SGD, and the gradient norm.
#include "headlight/optim/optimizer.h"

#include <algorithm>
#include <cmath>

#include "headlight/base/threads.h"
#include "kernels/kernels.h"
#include "optim/common.h"

namespace headlight {

namespace {

// Elements per partial sum of the gradient norm. Partial sums are added in order, so the result does not depend on the
// number of threads.
constexpr Index kSummed = 16384;
// Elements per chunk of an update.
constexpr Index kUpdated = 8192;

}  // namespace

double gradient_norm(std::span<const NamedTensor> parameters) {
  struct Part {
    const float* data;
    Index size;
    double sum;
  };
  PoolVector<Part> parts;
  for (const NamedTensor& p : parameters) {
    const Tensor g = p.value.grad();
    if (!g.defined()) continue;
    for (Index begin = 0; begin < g.numel(); begin += kSummed)
      parts.push_back({g.data<float>() + begin, std::min(kSummed, g.numel() - begin), 0});
  }
  parallel_for(static_cast<Index>(parts.size()), 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      Part& part = parts[static_cast<std::size_t>(i)];
      part.sum = kernels::active<float>().sum_squares(part.size, part.data);
    }
  });
  double total = 0;
  for (const Part& part : parts) total += part.sum;
  return std::sqrt(total);
}

Optimizer::Optimizer(std::vector<NamedTensor> parameters, MatrixRule rule)
    : parameters_(std::move(parameters)), rule_(rule) {
  if (parameters_.empty())
    fail("optimizer: there are no parameters; pass model.parameters() of a model whose layers are declared as ",
         "Child<Linear> name{this, \"name\", ...}");
  for (const NamedTensor& p : parameters_) {
    if (p.value.dtype() != DType::kFloat32) fail("optimizer: ", p.name, " is ", p.value.dtype(), ", not float32");
    if (uses_matrix_update(p) && (p.value.rank() != 2 || p.stacked < 1 || p.value.size(0) % p.stacked != 0))
      fail("optimizer: ", p.name, " ", p.value.shape(), " does not consist of ", p.stacked,
           " matrices; correct its role or `stacked`");
  }
}

void Optimizer::step(double learning_rate, double gradient_scale) {
  if (!(learning_rate >= 0) || std::isinf(learning_rate) || !std::isfinite(gradient_scale))
    fail("optimizer: learning rate ", learning_rate, ", gradient scale ", gradient_scale,
         "; the first must be a number from 0 up, the second finite");
  ++steps_;
  // One loop over all parameters in chunks of equal size, because most parameters are too small for a parallel loop.
  // Each thread gets the same elements in every step, so that their state stays in its core's cache.
  PoolVector<Piece> pieces;
  PoolVector<std::size_t> chunks;  // index of each chunk's first piece
  PoolVector<Matrix> matrices;
  Index room = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor g = parameters_[i].value.grad();
    if (!g.defined()) continue;
    float* value = parameters_[i].value.data<float>();
    if (uses_matrix_update(parameters_[i])) {
      const Index rows = g.size(0) / parameters_[i].stacked, cols = g.size(1), size = rows * cols;
      for (Index begin = 0; begin < g.numel(); begin += size)
        matrices.push_back({i, begin, rows, cols, value + begin, g.data<float>() + begin});
      continue;
    }
    for (Index begin = 0, end; begin < g.numel(); begin = end) {
      if (room == 0) {
        chunks.push_back(pieces.size());
        room = kUpdated;
      }
      end = std::min(g.numel(), begin + room);
      room -= end - begin;
      pieces.push_back({i, begin, end, value + begin, g.data<float>() + begin});
    }
  }
  // The matrices come first, because they take longest.
  const auto whole = static_cast<Index>(matrices.size()), count = whole + static_cast<Index>(chunks.size());
  chunks.push_back(pieces.size());
  parallel_for(count, 1, [&](Index begin, Index end) {
    for (Index task = begin; task < end; ++task) {
      if (task < whole) {
        update_matrix(matrices[static_cast<std::size_t>(task)], learning_rate, gradient_scale);
        continue;
      }
      const auto chunk = static_cast<std::size_t>(task - whole);
      for (std::size_t i = chunks[chunk]; i < chunks[chunk + 1]; ++i) update(pieces[i], learning_rate, gradient_scale);
    }
  });
}

void Optimizer::update_matrix(const Matrix&, double, double) {
  fail("optimizer: MatrixRule::kWholeMatrix without update_matrix(); override it");
}

AdamW::AdamW(std::vector<NamedTensor> parameters, const Options& options)
    : AdamW(std::move(parameters), options, MatrixRule::kElementwise) {}

AdamW::AdamW(std::vector<NamedTensor> parameters, const Options& options, MatrixRule rule)
    : Optimizer(std::move(parameters), rule), options_(options) {
  const auto elementwise = [&](const NamedTensor& p) { return !uses_matrix_update(p); };
  m_ = zeros_like(parameters_, elementwise);
  v_ = zeros_like(parameters_, elementwise);
  check_unit_interval("adamw", "beta1", options.beta1);
  check_unit_interval("adamw", "beta2", options.beta2);
  if (!(options.eps > 0) || std::isinf(options.eps)) fail("adamw: eps ", options.eps, " must be above 0");
  check_decay("adamw", options.weight_decay);
}

std::vector<NamedTensor> AdamW::state() const {
  std::vector<NamedTensor> state;
  append_state(state, parameters_, m_, "m");
  append_state(state, parameters_, v_, "v");
  return state;
}

// Derivation of AdamW's bias correction (Kingma, Ba 2015, section 3). m starts at 0, so unrolling
//   m_t = b1 m_{t-1} + (1 - b1) g_t   gives   m_t = (1 - b1) sum_{i=1..t} b1^(t-i) g_i.
// If all gradients g_i have the same expectation E[g], then
//   E[m_t] = E[g] (1 - b1) sum_{i=1..t} b1^(t-i) = E[g] (1 - b1^t),
// because the geometric series sums to (1 - b1^t) / (1 - b1). So m_t is too small by the factor 1 - b1^t, and
// m_t / (1 - b1^t) is an unbiased estimate of E[g]. In the same way v_t / (1 - b2^t) estimates E[g^2].
// Example: with b1 = 0.9 and b2 = 0.99, leaving out both corrections would make step 10 larger by the factor
// (1 - b1^10) / sqrt(1 - b2^10) = 2.1, because sqrt(v) is more biased than m.
void AdamW::update(const Piece& piece, double learning_rate, double gradient_scale) {
  const Tensor& p = parameters_[piece.parameter].value;
  const auto t = static_cast<double>(steps_);
  const kernels::AdamW step{.lr = learning_rate,
                            .beta1 = options_.beta1,
                            .beta2 = options_.beta2,
                            .eps = options_.eps,
                            .decay = p.rank() >= 2 ? options_.weight_decay : 0,
                            .correction1 = 1 - std::pow(options_.beta1, t),
                            .correction2 = 1 - std::pow(options_.beta2, t),
                            .grad_scale = gradient_scale};
  const Index at = piece.begin;
  kernels::active<float>().adamw(step, piece.end - at, piece.gradient, piece.value,
                                 m_[piece.parameter].data<float>() + at, v_[piece.parameter].data<float>() + at);
}

Sgd::Sgd(std::vector<NamedTensor> parameters, const Options& options)
    : Optimizer(std::move(parameters)), options_(options) {
  momentum_ = zeros_like(parameters_, [](const NamedTensor&) { return true; });
  check_unit_interval("sgd", "momentum", options.momentum);
  check_decay("sgd", options.weight_decay);
}

std::vector<NamedTensor> Sgd::state() const {
  std::vector<NamedTensor> state;
  append_state(state, parameters_, momentum_, "momentum");
  return state;
}

void Sgd::update(const Piece& piece, double learning_rate, double gradient_scale) {
  const Tensor& parameter = parameters_[piece.parameter].value;
  const auto decay = static_cast<float>(parameter.rank() >= 2 ? options_.weight_decay : 0);
  float* p = piece.value;
  float* u = momentum_[piece.parameter].data<float>() + piece.begin;
  const auto& table = kernels::active<float>();
  const Index n = piece.end - piece.begin;
  table.scale(n, static_cast<float>(options_.momentum), u, u);
  table.multiply_add(n, static_cast<float>(gradient_scale), piece.gradient, u);
  if (decay != 0) table.multiply_add(n, decay, p, u);
  table.multiply_add(n, static_cast<float>(-learning_rate), u, p);
}

}  // namespace headlight
