// An operation of our own: y = a cos(b), element by element.
#pragma once

#include "headlight/headlight.h"

namespace mine {

// a and b of one shape and type. Errors: others.
headlight::Tensor cosine_gate(const headlight::Tensor& a, const headlight::Tensor& b);

}  // namespace mine
