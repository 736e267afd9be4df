// An exponential moving average (EMA) of the weights during training, a variant of the uniform average of Polyak and
// Juditsky 1992:
//
//   average <- d average + (1 - d) weights,      d = min(decay, (1 + s) / (10 + s)) after step s
//
// The average covers about the last 1 / (1 - decay) steps, and early in a run about the last ninth of the steps so far.
// The average is less noisy than the weights after a single step. The updates do not use the average.
#pragma once

#include <vector>

#include "headlight/nn/module.h"

namespace headlight {

class WeightAverage {
 public:
  // Starts at the current values of the parameters, which are float32. `decay` is in [0, 1).
  WeightAverage(std::vector<NamedTensor> parameters, double decay);
  // Adds the weights after the update of step `step`, counted from 0.
  void add(Index step);
  // The average, with the names of the parameters.
  const std::vector<NamedTensor>& state() const { return averages_; }

  // During its lifetime, the parameters have the values of the average, and state() has those of the parameters. Do not
  // update the parameters or call add() during this time.
  class Scope {
   public:
    explicit Scope(const WeightAverage& average) : average_(average) { average_.exchange(); }
    ~Scope() { average_.exchange(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    const WeightAverage& average_;
  };

 private:
  void exchange() const;

  std::vector<NamedTensor> parameters_, averages_;
  double decay_;
};

}  // namespace headlight
