// gradcheck: is the gradient of a function right? Compares what the tape computes with finite differences, in float64.
//
//   DTypeScope doubles(DType::kFloat64);
//   Rng rng(1);
//   GradcheckResult r = gradcheck([](std::span<const Tensor> in) { return mul(in[0], in[1]); },
//                                 {Tensor::normal({2, 3}, 0, 1, rng), Tensor::normal({3}, 0, 1, rng)});
//   if (!r) std::puts(r.message.c_str());
//   // mul: input 1 [3] at (2): analytic 0.513, numeric 1.026 (relative error 0.5, allowed 1e-06)
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "headlight/tensor/tensor.h"

namespace headlight {

struct GradcheckOptions {
  double tolerance = 1e-6;  // the largest relative error that passes
  // Relative to max(|analytic|, |numeric|, floor): gradients below the floor are compared absolutely.
  double floor = 1e-2;
  double step = 1e-3;      // of the differences, times max(1, |x|)
  std::uint64_t seed = 1;  // of the random direction in which a result of many elements is differentiated
};

struct GradcheckResult {
  bool passed = true;
  double worst = 0;     // the largest relative error met
  std::string message;  // empty when passed; else operation, input, index, analytic and numeric value
  explicit operator bool() const { return passed; }
};

using Differentiable = std::function<Tensor(std::span<const Tensor>)>;

// Differentiates the sum of f(inputs) times fixed random weights with respect to every element of every input, by the
// tape and by central differences of fourth order (five points: (8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12h, whose own
// error is about 1e-11). f must be a function of its inputs alone: with dropout in it, seed_generator() first.
// Keep inputs 2 steps away from kinks (relu at 0, ties of max). Errors: an input is not float64, or f changes its inputs.
// For a layer see nn/gradcheck.h, which checks the gradients of its parameters too.
GradcheckResult gradcheck(const Differentiable& f, std::vector<Tensor> inputs, const GradcheckOptions& options = {});
// Also with respect to the parameters, which f reads by itself; those that require no gradient are skipped. Fails when f
// reads a tensor that requires a gradient and is neither an input nor a parameter. Drops the parameters' gradients.
GradcheckResult gradcheck(const Differentiable& f, std::vector<Tensor> inputs, std::span<const NamedTensor> parameters,
                          const GradcheckOptions& options);

}  // namespace headlight
