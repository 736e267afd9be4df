// expect: the rule must multiply by g
#pragma once

#include "lessons/00_backpropagation/scalar.h"

namespace headlight::lessons {

inline Value tanh(Value x) {
  const double t = std::tanh(x.value());
  return x.engine->append(t, [x, t](double) { x.engine->gradient(x.index) += 1 - t * t; });
}

}  // namespace headlight::lessons
