// expect: the rule uses the result t
#pragma once

#include "lessons/00_backpropagation/scalar.h"

namespace headlight::lessons {

inline Value tanh(Value x) {
  const double t = std::tanh(x.value());
  return x.engine->append(t, [x](double g) { x.engine->gradient(x.index) += g * (1 - x.value() * x.value()); });
}

}  // namespace headlight::lessons
