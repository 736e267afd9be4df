// Adds the operation of the recipe to the cases, so that the checks of all operations run on it.
#include "ops/cases.h"

namespace headlight {
Tensor softplus(const Tensor& x);  // the line for ops.h
}

namespace headlight::tests {

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> cases = {
      {.declaration = "softplus(x)",
       .draw =
           [](Rng& rng, Size size) {
             return Call{{draw_values(rng, draw_shape(rng, size))},
                         [](std::span<const Tensor> in) { return softplus(in[0]); }};
           }},
  };
  return cases;
}

}  // namespace headlight::tests
