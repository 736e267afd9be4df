#include "headlight/optim/optimizer.h"

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

}  // namespace

double gradient_norm(std::span<const NamedTensor> parameters) {
  double total = 0;
  PoolVector<double> pieces;
  for (const NamedTensor& p : parameters) {
    const Tensor g = p.value.grad();
    if (!g.defined()) continue;
    const Index n = g.numel();
    const float* pg = g.data<float>();
    pieces.assign(static_cast<std::size_t>((n + kPiece - 1) / kPiece), 0);
    parallel_for(n, kPiece, [&](Index begin, Index end) {
      pieces[static_cast<std::size_t>(begin / kPiece)] = kernels::active<float>().sum_squares(end - begin, pg + begin);
    });
    for (const double piece : pieces) total += piece;
  }
  return std::sqrt(total);
}

Optimizer::Optimizer(std::vector<NamedTensor> parameters) : parameters_(std::move(parameters)) {
  for (const NamedTensor& p : parameters_)
    if (p.value.dtype() != DType::kFloat32) fail("optimizer: ", p.name, " is ", p.value.dtype(), ", not float32");
}

void Optimizer::step(double learning_rate, double gradient_scale) {
  ++steps_;
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (parameters_[i].value.grad().defined()) update(i, learning_rate, gradient_scale);
}

AdamW::AdamW(std::vector<NamedTensor> parameters, const Options& options)
    : Optimizer(std::move(parameters)), options_(options), m_(zeros_like(parameters_)), v_(zeros_like(parameters_)) {}

std::vector<NamedTensor> AdamW::state() const {
  std::vector<NamedTensor> state;
  append_state(state, parameters_, m_, "m");
  append_state(state, parameters_, v_, "v");
  return state;
}

void AdamW::update(std::size_t i, double learning_rate, double gradient_scale) {
  Tensor& p = parameters_[i].value;
  const auto t = static_cast<double>(steps_);
  const kernels::AdamW step{.lr = learning_rate,
                            .beta1 = options_.beta1,
                            .beta2 = options_.beta2,
                            .eps = options_.eps,
                            .decay = p.rank() >= 2 ? options_.weight_decay : 0,
                            .correction1 = 1 - std::pow(options_.beta1, t),
                            .correction2 = 1 - std::pow(options_.beta2, t),
                            .grad_scale = gradient_scale};
  const Tensor g = p.grad();
  const float* pg = g.data<float>();
  float *pp = p.data<float>(), *pm = m_[i].data<float>(), *pv = v_[i].data<float>();
  parallel_for(p.numel(), kPiece, [&](Index begin, Index end) {
    kernels::active<float>().adamw(step, end - begin, pg + begin, pp + begin, pm + begin, pv + begin);
  });
}

Sgd::Sgd(std::vector<NamedTensor> parameters, const Options& options)
    : Optimizer(std::move(parameters)), options_(options), momentum_(zeros_like(parameters_)) {}

std::vector<NamedTensor> Sgd::state() const {
  std::vector<NamedTensor> state;
  append_state(state, parameters_, momentum_, "momentum");
  return state;
}

void Sgd::update(std::size_t i, double learning_rate, double gradient_scale) {
  Tensor& p = parameters_[i].value;
  const auto decay = static_cast<float>(p.rank() >= 2 ? options_.weight_decay : 0);
  const Tensor g = p.grad();
  const float* pg = g.data<float>();
  float *pp = p.data<float>(), *pu = momentum_[i].data<float>();
  parallel_for(p.numel(), kPiece, [&](Index begin, Index end) {
    const auto& table = kernels::active<float>();
    const Index n = end - begin;
    table.scale(n, static_cast<float>(options_.momentum), pu + begin, pu + begin);
    table.multiply_add(n, static_cast<float>(gradient_scale), pg + begin, pu + begin);
    if (decay != 0) table.multiply_add(n, decay, pp + begin, pu + begin);
    table.multiply_add(n, static_cast<float>(-learning_rate), pu + begin, pp + begin);
  });
}

}  // namespace headlight
