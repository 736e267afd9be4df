// A user-defined operation: y = a cos(b), elementwise.
#pragma once

#include "headlight/headlight.h"

namespace mine {

// Errors: a and b differ in shape or type.
headlight::Tensor cosine_gate(const headlight::Tensor& a, const headlight::Tensor& b);

}  // namespace mine
