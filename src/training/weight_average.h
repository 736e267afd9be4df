// An exponential moving average (EMA) of the weights during training (Polyak and Juditsky 1992):
//
//   average <- d average + (1 - d) weights,      d = min(decay, (1 + s) / (10 + s)) after step s
//
// The average covers about the last 1 / (1 - decay) steps, and early in a run about the last ninth of all steps. It
// removes noise that the learning rate leaves in the weights. Training itself does not use the average.
#pragma once

#include <vector>

#include "headlight/nn/module.h"

namespace headlight {

class WeightAverage {
 public:
  // Starts at the current weights. `decay` is in [0, 1).
  WeightAverage(std::vector<NamedTensor> parameters, double decay);
  // Adds the weights after the update of step `step`, counted from 0.
  void add(Index step);
  // The average as tensors, named like the parameters, for checkpoints.
  const std::vector<NamedTensor>& state() const { return averages_; }
  // Exchanges the weights of the model and the average. A second call undoes the first.
  void exchange();

  // During its lifetime the model has the average as its weights.
  class Scope {
   public:
    explicit Scope(WeightAverage& average) : average_(average) { average_.exchange(); }
    ~Scope() { average_.exchange(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    WeightAverage& average_;
  };

 private:
  std::vector<NamedTensor> parameters_, averages_;
  double decay_;
};

}  // namespace headlight
