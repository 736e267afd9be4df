// expect: nothing was passed back to x
#pragma once

#include "lessons/00_backpropagation/scalar.h"

namespace headlight::lessons {

inline Value tanh(Value x) { return x.engine->leaf(std::tanh(x.value())); }

}  // namespace headlight::lessons
