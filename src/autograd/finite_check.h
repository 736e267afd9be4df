// FiniteCheck: finds the operation that produced the first NaN or infinity.
//
// While an object is alive, the tape checks every result when it is recorded and every gradient when it is computed.
// Each check reads all numbers and is slow, so use it for diagnosis: repeat a failed step with a FiniteCheck alive.
#pragma once

#include <string>

#include "headlight/base/scope.h"
#include "headlight/tensor/tensor.h"

namespace headlight {

class FiniteCheck {
 public:
  static FiniteCheck* active() { return Scoped<FiniteCheck*>::innermost(nullptr); }
  // Stores where the first tensor with a NaN or an infinity was produced. `layer` is its path, "" outside layers.
  void look(const Tensor& x, const char* operation, const std::string& layer, const char* pass);
  // "blocks.1.ff.up: linear (forward)", or "" if all values were finite so far.
  const std::string& first() const { return first_; }

 private:
  std::string first_;
  Scoped<FiniteCheck*> scope_{this};
};

}  // namespace headlight
