// expect: e^x overflows, so use std::tanh
#pragma once

#include "lessons/00_backpropagation/scalar.h"

namespace headlight::lessons {

inline Value tanh(Value x) {
  const double t = (std::exp(x.value()) - std::exp(-x.value())) / (std::exp(x.value()) + std::exp(-x.value()));
  return x.engine->append(t, [x, t](double g) { x.engine->gradient(x.index) += g * (1 - t * t); });
}

}  // namespace headlight::lessons
