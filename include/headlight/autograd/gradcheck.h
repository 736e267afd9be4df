// gradcheck: compares the tape's gradients of a function with finite differences, in float64.
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
  double tolerance = 1e-6;  // largest relative error that passes
  // Errors are relative to max(|analytic|, |numeric|, floor): the error of a gradient below the floor is divided by the
  // floor.
  double floor = 1e-2;
  double step = 1e-3;      // finite-difference step h, as a multiple of max(1, |x|)
  std::uint64_t seed = 1;  // seed of the random weights that reduce a result to one number
};

struct GradcheckResult {
  bool passed = true;
  double worst = 0;     // largest relative error found
  std::string message;  // empty if passed; else operation, input, index, analytic and numeric value
  explicit operator bool() const { return passed; }
};

using Differentiable = std::function<Tensor(std::span<const Tensor>)>;

// Differentiates L = sum(f(inputs) * fixed random weights) with respect to every element of every input, once by the
// tape, and once by the five-point central difference (8 (L(+h) - L(-h)) - (L(+2h) - L(-2h))) / 12h. This difference
// is accurate to about 1e-11; its truncation error is of order h^4. f must depend on its inputs alone; if f uses
// dropout, f must call seed_generator() first. Keep inputs at least two steps away from kinks (relu at 0, ties of max).
// Errors: an input is not float64, f changes its inputs, or f's result changes shape.
// For a layer use nn/gradcheck.h, which also checks the gradients of the layer's parameters.
GradcheckResult gradcheck(const Differentiable& f, std::vector<Tensor> inputs, const GradcheckOptions& options = {});
// Also checks the gradients of `parameters`, which f reads directly, not through `inputs`. Skips parameters that
// require no gradient. Fails if f reads a tensor that requires a gradient and is neither an input nor a parameter.
// Clears the parameters' gradients.
GradcheckResult gradcheck(const Differentiable& f, std::vector<Tensor> inputs, std::span<const NamedTensor> parameters,
                          const GradcheckOptions& options);

}  // namespace headlight
