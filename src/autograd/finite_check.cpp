// FiniteCheck: the search for the first number that is not finite.
#include "autograd/finite_check.h"

#include <cmath>

#include "headlight/base/text.h"

namespace headlight {

void FiniteCheck::look(const Tensor& x, const char* operation, const std::string& layer, const char* pass) {
  if (!first_.empty() || !x.defined()) return;
  for (const double value : x.to_vector()) {
    if (std::isfinite(value)) continue;
    first_ = cat(layer.empty() ? "" : cat(layer, ": "), operation, " (", pass, ")");
    return;
  }
}

}  // namespace headlight
