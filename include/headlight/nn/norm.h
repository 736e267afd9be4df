// Norms, such as LayerNorm and RMSNorm: normalize the last axis, then scale each channel. x [...,C] -> [...,C].
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "headlight/nn/module.h"
#include "headlight/ops/ops.h"

namespace headlight {

// Describes a norm by its parameters [C]. Single-token decoding and analyses of weights use this description:
//   y = gamma (x - mean) / sqrt(variance + eps) + beta,   or without a beta   y = gamma x / sqrt(mean(x^2) + eps)
struct NormStep {
  const Param* gamma;
  const Param* beta;  // null: none
  double eps;
};

class Norm : public Module {
 public:
  virtual Tensor operator()(const Tensor& x) const = 0;
  // Without a description, generation runs the model on the whole window for each token.
  virtual std::optional<NormStep> step() const { return std::nullopt; }
};

// A norm that --norm selects by name. Register a norm before command_line() (headlight/command_line.h), or add it to
// the table in src/nn/norm.cpp.
struct NormKind {
  std::string name, help;
  std::function<std::unique_ptr<Norm>(Index width)> make;
};
// Errors, which command_line() or the first look-up of a part throws: no name or make, a name that is taken.
void register_norm(NormKind kind);
const std::deque<NormKind>& norm_kinds();
// Error: no such norm; the message lists all of them.
const NormKind& find_norm(const std::string& name);
std::unique_ptr<Norm> make_norm(const std::string& name, Index width);

// gamma (x - mean) / sqrt(variance + eps) + beta (Ba, Kiros, Hinton 2016).
class LayerNorm : public Norm {
 public:
  explicit LayerNorm(Index width, double eps = 1e-5)
      : gamma{this, "weight", {width}, Init::ones()}, beta{this, "bias", {width}, Init::zeros()}, eps_(eps) {}

  Tensor operator()(const Tensor& x) const override { return layer_norm(x, gamma, beta, eps_); }
  std::optional<NormStep> step() const override { return NormStep{&gamma, &beta, eps_}; }

  Param gamma, beta;  // [C]

 private:
  double eps_;
};

// gamma x / sqrt(mean(x^2) + eps), without centering and beta (Zhang, Sennrich 2019).
class RMSNorm : public Norm {
 public:
  explicit RMSNorm(Index width, double eps = 1e-5) : gamma{this, "weight", {width}, Init::ones()}, eps_(eps) {}

  Tensor operator()(const Tensor& x) const override { return rms_norm(x, gamma, eps_); }
  std::optional<NormStep> step() const override { return NormStep{&gamma, nullptr, eps_}; }

  Param gamma;  // [C]

 private:
  double eps_;
};

}  // namespace headlight
