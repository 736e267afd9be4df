// FiniteCheck: which operation made the first number that is not finite?
//
// While one lives, the tape looks at every result as it is recorded, and at every gradient as it is computed. Slow (it
// reads all numbers), so it is for finding out after something went wrong: run the same step again under check.
#pragma once

#include <string>

#include "headlight/base/scope.h"
#include "headlight/tensor/tensor.h"

namespace headlight {

class FiniteCheck {
 public:
  static FiniteCheck* active() { return Scoped<FiniteCheck*>::innermost(nullptr); }
  // Remembers the first tensor with a NaN or an infinity. `layer` is its path, "" outside any.
  void look(const Tensor& x, const char* operation, const std::string& layer, const char* pass);
  // "blocks.1.ff.up: linear (forward)", or "" when all was finite so far.
  const std::string& first() const { return first_; }

 private:
  std::string first_;
  Scoped<FiniteCheck*> scope_{this};
};

}  // namespace headlight
