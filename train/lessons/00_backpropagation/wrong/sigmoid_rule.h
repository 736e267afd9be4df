// expect: this is sigmoid's rule
#pragma once

#include "lessons/00_backpropagation/scalar.h"

namespace headlight::lessons {

inline Value tanh(Value x) {
  const double t = std::tanh(x.value());
  return x.engine->append(t, [x, t](double g) { x.engine->gradient(x.index) += g * t * (1 - t); });
}

}  // namespace headlight::lessons
