#include "headlight/optim/optimizer.h"

#include <algorithm>
#include <cmath>

#include "headlight/base/threads.h"
#include "kernels/kernels.h"

namespace headlight {

namespace {

// Elements updated or summed by one thread at a time. Sums over pieces are added in the order of the pieces.
constexpr Index kPiece = 16384;

std::vector<Tensor> zeros_like(std::span<const NamedTensor> parameters) {
  std::vector<Tensor> zeros;
  for (const NamedTensor& p : parameters) zeros.push_back(Tensor::zeros(p.value.shape(), DType::kFloat32));
  return zeros;
}

void append_state(std::vector<NamedTensor>& out, std::span<const NamedTensor> parameters, std::span<const Tensor> state,
                  const char* suffix) {
  for (std::size_t i = 0; i < parameters.size(); ++i) out.push_back({cat(parameters[i].name, ".", suffix), state[i]});
}

// Calls body(parameter, begin, end, gradient from begin on) for the pieces of all parameters that have a gradient, in
// order.
template <class Body>
void for_pieces(std::span<const NamedTensor> parameters, const Body& body) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor g = parameters[i].value.grad();
    if (!g.defined()) continue;
    const Index n = g.numel();
    for (Index begin = 0; begin < n; begin += kPiece)
      body(i, begin, std::min(begin + kPiece, n), g.data<float>() + begin);
  }
}

}  // namespace

double gradient_norm(std::span<const NamedTensor> parameters) {
  struct Part {
    const float* data;
    Index size;
    double sum;
  };
  PoolVector<Part> parts;
  for_pieces(parameters, [&](std::size_t, Index begin, Index end, const float* g) {
    parts.push_back({g, end - begin, 0});
  });
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

Optimizer::Optimizer(std::vector<NamedTensor> parameters) : parameters_(std::move(parameters)) {
  for (const NamedTensor& p : parameters_)
    if (p.value.dtype() != DType::kFloat32) fail("optimizer: ", p.name, " is ", p.value.dtype(), ", not float32");
}

void Optimizer::step(double learning_rate, double gradient_scale) {
  ++steps_;
  // One loop for all: most parameters are too small to be worth one each.
  PoolVector<Piece> pieces;
  for_pieces(parameters_, [&](std::size_t i, Index begin, Index end, const float* g) {
    pieces.push_back({i, begin, end, g});
  });
  parallel_for(static_cast<Index>(pieces.size()), 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) update(pieces[static_cast<std::size_t>(i)], learning_rate, gradient_scale);
  });
}

AdamW::AdamW(std::vector<NamedTensor> parameters, const Options& options)
    : Optimizer(std::move(parameters)), options_(options), m_(zeros_like(parameters_)), v_(zeros_like(parameters_)) {}

std::vector<NamedTensor> AdamW::state() const {
  std::vector<NamedTensor> state;
  append_state(state, parameters_, m_, "m");
  append_state(state, parameters_, v_, "v");
  return state;
}

void AdamW::update(const Piece& piece, double learning_rate, double gradient_scale) {
  Tensor& p = parameters_[piece.parameter].value;
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
  kernels::active<float>().adamw(step, piece.end - at, piece.gradient, p.data<float>() + at,
                                 m_[piece.parameter].data<float>() + at, v_[piece.parameter].data<float>() + at);
}

Sgd::Sgd(std::vector<NamedTensor> parameters, const Options& options)
    : Optimizer(std::move(parameters)), options_(options), momentum_(zeros_like(parameters_)) {}

std::vector<NamedTensor> Sgd::state() const {
  std::vector<NamedTensor> state;
  append_state(state, parameters_, momentum_, "momentum");
  return state;
}

void Sgd::update(const Piece& piece, double learning_rate, double gradient_scale) {
  Tensor& parameter = parameters_[piece.parameter].value;
  const auto decay = static_cast<float>(parameter.rank() >= 2 ? options_.weight_decay : 0);
  float* p = parameter.data<float>() + piece.begin;
  float* u = momentum_[piece.parameter].data<float>() + piece.begin;
  const auto& table = kernels::active<float>();
  const Index n = piece.end - piece.begin;
  table.scale(n, static_cast<float>(options_.momentum), u, u);
  table.multiply_add(n, static_cast<float>(gradient_scale), piece.gradient, u);
  if (decay != 0) table.multiply_add(n, decay, p, u);
  table.multiply_add(n, static_cast<float>(-learning_rate), u, p);
}

}  // namespace headlight
