// OpCase: one test case of an operation. operations_test.cpp runs all checks on every case.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "headlight/autograd/gradcheck.h"
#include "ops/draw.h"

namespace headlight::tests {

// An operation with its numbers: function(inputs) calls it. Whatever is no tensor with a gradient (axes, ids, masks)
// was drawn too and is inside the function.
struct Call {
  std::vector<Tensor> inputs;  // float64, away from kinks and ties
  Differentiable function;     // of these inputs, in float32 as in float64
};

// A call that must throw Error, and what its message must contain: the operation and the shapes.
struct BadCall {
  std::function<void()> call;
  std::vector<std::string> message;
};

struct OpCase {
  std::string declaration;   // name and parameter names as ops.h declares them: "sum(x,axis,keep)"
  std::string variant = {};  // tells cases of the same declaration apart
  std::function<Call(Rng&, Size)> draw;
  std::vector<BadCall> bad = {};
  // The largest error of float32, relative to the largest element (or 1): of one kernel set against another, and of any
  // against float64. float32 rounds at 6e-8; sums of some hundred terms add up to a few ten times that.
  double float_bound = 1e-5;

  std::string operation() const { return declaration.substr(0, declaration.find('(')); }
};

const std::vector<OpCase>& op_cases();
std::vector<OpCase> graph_and_distillation_cases();  // a part of op_cases()
// What GoogleTest prints of a case.
inline void PrintTo(const OpCase& one, std::ostream* out) { *out << one.declaration << ' ' << one.variant; }

}  // namespace headlight::tests
