// OpCase: one test case of an operation. operations_test.cpp runs all checks on every case.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "headlight/autograd/gradcheck.h"
#include "ops/draw.h"

namespace headlight::tests {

// An operation with its inputs: function(inputs) calls the operation. Arguments without a gradient (axes, ids, masks)
// are stored in the function.
struct Call {
  std::vector<Tensor> inputs;  // float64, away from kinks and ties
  Differentiable function;     // accepts these inputs in float32 and in float64
};

// A call that must throw Error, and the pieces that its message must contain: the operation and the shapes.
struct BadCall {
  std::function<void()> call;
  std::vector<std::string> message;
};

struct OpCase {
  std::string declaration;   // name and parameter names as ops.h declares them: "sum(x,axis,keep)"
  std::string variant = {};  // distinguishes cases of the same declaration
  std::function<Call(Rng&, Size)> draw;
  std::vector<BadCall> bad = {};
  // The largest error of float32, relative to the largest element (or 1): between kernel sets, and between any set and
  // float64. float32 rounds with a relative error of 6e-8; the error of a sum of a few hundred terms is some tens of
  // times larger.
  double float_bound = 1e-5;

  std::string operation() const { return declaration.substr(0, declaration.find('(')); }
};

// All cases, from the parts below.
const std::vector<OpCase>& op_cases();
std::vector<OpCase> shape_cases();                   // shape_cases.cpp
std::vector<OpCase> network_cases();                 // network_cases.cpp
std::vector<OpCase> loss_cases();                    // loss_cases.cpp
std::vector<OpCase> graph_and_distillation_cases();  // graph_cases.cpp

// Helpers for the definitions of cases.
using Inputs = std::span<const Tensor>;
inline Tensor zeros(const Shape& shape) { return Tensor::zeros(shape); }

// The text that GoogleTest prints for a case.
inline void PrintTo(const OpCase& one, std::ostream* out) { *out << one.declaration << ' ' << one.variant; }

}  // namespace headlight::tests
