// Optimizers AdamW, Muon and SGD, which update parameters from their gradients, and the gradient norm.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "headlight/nn/module.h"

namespace headlight {

// The Euclidean norm of all gradients concatenated, computed in double. A parameter without a gradient counts as zero.
double gradient_norm(std::span<const NamedTensor> parameters);

class Optimizer {
 public:
  // How step() divides the parameters of role kMatrix: into ranges of elements, like all other parameters, or into
  // whole matrices.
  enum class MatrixRule { kElementwise, kWholeMatrix };
  // Stores handles to the parameters. Errors: no parameters, a parameter that is not float32.
  explicit Optimizer(std::vector<NamedTensor> parameters, MatrixRule rule = MatrixRule::kElementwise);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Performs one step. Gradients are first multiplied by gradient_scale, for clipping or to average over accumulated
  // batches. Parameters without a gradient do not change. Errors: learning_rate negative, infinite or NaN;
  // gradient_scale not finite.
  void step(double learning_rate, double gradient_scale = 1);

  std::span<const NamedTensor> parameters() const { return parameters_; }
  // The number of steps performed.
  Index steps() const { return steps_; }
  // The tensors that a checkpoint must store in addition to steps(), so that a resumed run equals an uninterrupted run.
  // Named "<parameter>.m" and so on; handles share the optimizer's storage.
  virtual std::vector<NamedTensor> state() const = 0;
  void set_steps(Index steps) { steps_ = steps; }

 protected:
  // Elements begin .. end-1 of one parameter; `value` and `gradient` point to element `begin`. `parameter` is an index
  // into parameters_.
  struct Piece {
    std::size_t parameter;
    Index begin, end;
    float* value;
    const float* gradient;
  };
  // Updates one piece. Called from several threads at once, with disjoint pieces.
  virtual void update(const Piece& piece, double learning_rate, double gradient_scale) = 0;

  // One whole matrix, row-major; a parameter consists of one or several (NamedTensor::stacked). The pointers point to
  // its first element, which is element `begin` of the parameter.
  struct Matrix {
    std::size_t parameter;
    Index begin, rows, cols;
    float* value;
    const float* gradient;
  };
  // With MatrixRule::kWholeMatrix: updates one matrix. Called from several threads at once, with different matrices.
  virtual void update_matrix(const Matrix& matrix, double learning_rate, double gradient_scale);
  // Whether update_matrix() updates the parameter.
  bool uses_matrix_update(const NamedTensor& parameter) const {
    return rule_ == MatrixRule::kWholeMatrix && parameter.role == ParamRole::kMatrix;
  }

  std::vector<NamedTensor> parameters_;
  Index steps_ = 0;

 private:
  MatrixRule rule_;
};

// AdamW (Loshchilov, Hutter 2019), for gradient g at step t = 1, 2, ...:
//   m <- b1 m + (1-b1) g;  v <- b2 v + (1-b2) g^2
//   p <- p - lr decay p - lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps)
// The weight decay applies to parameters of rank 2 or more, not to biases, gains and other vectors. For the derivation
// of the bias correction 1 - b^t see src/optim/optimizer.cpp.
class AdamW : public Optimizer {
 public:
  struct Options {
    double beta1 = 0.9;
    double beta2 = 0.99;
    double eps = 1e-8;
    double weight_decay = 0.1;
  };
  // Errors: as for Optimizer; a beta outside [0, 1), eps not above 0, a negative weight decay.
  AdamW(std::vector<NamedTensor> parameters, const Options& options);
  std::vector<NamedTensor> state() const override;

 protected:
  // With MatrixRule::kWholeMatrix, m and v exist only for the parameters that update_matrix() does not update.
  AdamW(std::vector<NamedTensor> parameters, const Options& options, MatrixRule rule);

 private:
  void update(const Piece& piece, double learning_rate, double gradient_scale) override;
  Options options_;
  std::vector<Tensor> m_, v_;
};

// Muon (Jordan et al. 2024) for parameters of role kMatrix, and AdamW for all others. For the gradient G [n,m] of a
// matrix W at step t = 1, 2, ..., with momentum b rising linearly from momentum_start to momentum:
//   M <- b M + (1-b) G;  U = b M + (1-b) G
//   W <- W - lr decay W - lr sqrt(max(1, n/m)) O,  lr = matrix_rate * learning rate of step()
// O has the singular vectors of U and singular values near 1 (src/optim/muon.cpp), so that a step changes the output of
// the layer by about the same amount in every direction. The packed query, key and value weight counts as three
// matrices (stacked = 3).
class Muon : public AdamW {
 public:
  struct Options {
    AdamW::Options others = {};  // for all parameters that are not matrices
    double matrix_rate = 5;      // learning rate of the matrices, in units of the rate given to step()
    double momentum_start = 0.85, momentum = 0.95;
    Index momentum_steps = 300;  // steps over which the momentum rises
    double weight_decay = 0.1;   // of the matrices
  };
  // Errors: as for AdamW; matrix_rate negative or not finite, a momentum outside [0, 1), momentum_steps below 1.
  Muon(std::vector<NamedTensor> parameters, const Options& options);
  std::vector<NamedTensor> state() const override;

 private:
  void update_matrix(const Matrix& matrix, double learning_rate, double gradient_scale) override;
  Options options_;
  std::vector<Tensor> momentum_;  // undefined for parameters that are not matrices
};

// Stochastic gradient descent with momentum, as in PyTorch: u <- momentum u + g + decay p;  p <- p - lr u.
// The weight decay applies to parameters of rank 2 or more.
class Sgd : public Optimizer {
 public:
  struct Options {
    double momentum = 0.9;
    double weight_decay = 0;
  };
  // Errors: as for Optimizer; momentum outside [0, 1), a negative weight decay.
  Sgd(std::vector<NamedTensor> parameters, const Options& options);
  std::vector<NamedTensor> state() const override;

 private:
  void update(const Piece& piece, double learning_rate, double gradient_scale) override;
  Options options_;
  std::vector<Tensor> momentum_;
};

// The values of the flags --beta1, --beta2, --momentum and --weight-decay.
struct OptimizerOptions {
  double beta1 = 0.9, beta2 = 0.99, momentum = 0.9, weight_decay = 0.1;
  double matrix_rate = 10;  // --matrix-lr divided by --lr
};

// An optimizer that --optimizer selects by name. Register an optimizer before command_line()
// (headlight/command_line.h), or add it to the table in src/optim/optimizer_kinds.cpp.
struct OptimizerKind {
  std::string name, help;
  std::vector<std::string> flags;  // names of the flags above, or matrix-lr, that the optimizer uses
  // For memory estimates: floats in state() per element of a parameter of role kMatrix, and of any other parameter.
  Index matrix_state, other_state;
  std::function<std::unique_ptr<Optimizer>(std::vector<NamedTensor> parameters, const OptimizerOptions&)> make;

  bool uses(const std::string& flag) const;
};
// Errors: no name or make, a name that is taken.
void register_optimizer(OptimizerKind kind);
const std::deque<OptimizerKind>& optimizer_kinds();
// Error: no such optimizer; the message lists all of them.
const OptimizerKind& find_optimizer(const std::string& name);

}  // namespace headlight
