// Optimizers: one step changes every parameter by its gradient.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "headlight/nn/module.h"

namespace headlight {

// The Euclidean norm of all gradients as one vector, in double; parameters without a gradient count as zero.
double gradient_norm(std::span<const NamedTensor> parameters);

class Optimizer {
 public:
  // Holds handles to the parameters, in their order. Errors: no parameters, or one that is not float32.
  explicit Optimizer(std::vector<NamedTensor> parameters);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // One step at the given learning rate. Gradients are multiplied by gradient_scale first, which is how clipping and
  // averages over accumulated batches are done. Parameters without a gradient are left alone.
  void step(double learning_rate, double gradient_scale = 1);

  std::span<const NamedTensor> parameters() const { return parameters_; }
  Index steps() const { return steps_; }
  // What has to be saved, beside steps(), to go on as if never interrupted: tensors named "<parameter>.m" and so on.
  virtual std::vector<NamedTensor> state() const = 0;
  void set_steps(Index steps) { steps_ = steps; }

 protected:
  // Elements begin..end of a parameter; `value` and `gradient` point to the first of them. Runs on several threads at once,
  // each with elements of its own.
  struct Piece {
    std::size_t parameter;
    Index begin, end;
    float* value;
    const float* gradient;
  };
  virtual void update(const Piece& piece, double learning_rate, double gradient_scale) = 0;
  std::vector<NamedTensor> parameters_;
  Index steps_ = 0;
};

// AdamW (Loshchilov, Hutter 2019):
//   m <- b1 m + (1-b1) g;  v <- b2 v + (1-b2) g^2
//   p <- p - lr decay p - lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps)
// The decay acts on matrices only (rank 2 and more), not on biases, gains and other vectors.
class AdamW : public Optimizer {
 public:
  struct Options {
    double beta1 = 0.9;
    double beta2 = 0.99;
    double eps = 1e-8;
    double weight_decay = 0.1;
  };
  AdamW(std::vector<NamedTensor> parameters, const Options& options);
  std::vector<NamedTensor> state() const override;

 private:
  void update(const Piece& piece, double learning_rate, double gradient_scale) override;
  Options options_;
  std::vector<Tensor> m_, v_;
};

// Stochastic gradient descent with momentum, as PyTorch has it: u <- momentum u + g + decay p;  p <- p - lr u.
// The decay acts on matrices only.
class Sgd : public Optimizer {
 public:
  struct Options {
    double momentum = 0.9;
    double weight_decay = 0;
  };
  Sgd(std::vector<NamedTensor> parameters, const Options& options);
  std::vector<NamedTensor> state() const override;

 private:
  void update(const Piece& piece, double learning_rate, double gradient_scale) override;
  Options options_;
  std::vector<Tensor> momentum_;
};

}  // namespace headlight
