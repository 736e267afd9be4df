// gradcheck of a layer: checks the gradients of the inputs and of all parameters.
//
//   DTypeScope doubles(DType::kFloat64);
//   const Linear layer(4, 3);
//   Rng rng(1);
//   GradcheckResult r = gradcheck(layer, [&](std::span<const Tensor> in) { return layer(in[0]); },
//                                 {Tensor::normal({2, 4}, 0, 1, rng)});
//   if (!r) std::puts(r.message.c_str());
//   // linear: parameter weight [3,4] at (0,0): analytic 0, numeric 0.513 (relative error 1, allowed 1e-06)
#pragma once

#include <vector>

#include "headlight/autograd/gradcheck.h"
#include "headlight/nn/module.h"

namespace headlight {

// Checks the gradients of f(inputs), where f calls the module, for every input and every parameter that requires a
// gradient. Each call of f runs in training mode from the same seed, so dropout drops the same elements each time.
// Fails if f reads a tensor that requires a gradient and is neither an input nor a registered parameter. Errors: an
// input or parameter is not float64; f changes an input or parameter.
GradcheckResult gradcheck(const Module& module, const Differentiable& f, std::vector<Tensor> inputs,
                          const GradcheckOptions& options = {});

}  // namespace headlight
