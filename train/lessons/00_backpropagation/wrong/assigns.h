// expect: add to its gradient (+=)
#pragma once

#include "lessons/00_backpropagation/scalar.h"

namespace headlight::lessons {

inline Value tanh(Value x) {
  const double t = std::tanh(x.value());
  return x.engine->append(t, [x, t](double g) { x.engine->gradient(x.index) = g * (1 - t * t); });
}

}  // namespace headlight::lessons
