// gradcheck of a layer: are its gradients right, those of its parameters too?
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

// Differentiates f(inputs), which calls the module, with respect to every input and every parameter that requires a
// gradient. f runs as in training, from the same seed each time: dropout is active and drops the same elements. Fails
// when f reads a tensor that requires a gradient and is not registered. Errors: an input or parameter is not float64, or
// f changes one.
GradcheckResult gradcheck(const Module& module, const Differentiable& f, std::vector<Tensor> inputs,
                          const GradcheckOptions& options = {});

}  // namespace headlight
