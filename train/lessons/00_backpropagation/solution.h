// Solution of exercise 0: d tanh(x) / dx = 1 - tanh(x)^2, which needs nothing but the result t.
#pragma once

#include "lessons/00_backpropagation/scalar.h"

namespace headlight::lessons {

inline Value tanh(Value x) {
  const double t = std::tanh(x.value());
  return x.engine->append(t, [x, t](double g) { x.engine->gradient(x.index) += g * (1 - t * t); });
}

}  // namespace headlight::lessons
