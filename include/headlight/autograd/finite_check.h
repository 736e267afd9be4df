// FiniteCheck: which operation made the first number that is not finite?
//
// While one lives, the tape looks at every result as it is recorded, and at every gradient as it is computed. Slow (it
// reads all numbers), so it is for finding out after something went wrong: run the same step again under check.
#pragma once

#include <string>

#include "headlight/tensor/tensor.h"

namespace headlight {

class FiniteCheck {
 public:
  FiniteCheck() : outer_(active_) { active_ = this; }
  ~FiniteCheck() { active_ = outer_; }
  FiniteCheck(const FiniteCheck&) = delete;
  FiniteCheck& operator=(const FiniteCheck&) = delete;

  static FiniteCheck* active() { return active_; }
  // Remembers the first tensor with a NaN or an infinity. `layer` is its path, "" outside any.
  void look(const Tensor& x, const char* operation, const std::string& layer, const char* pass);
  // "blocks.1.ff.up: linear (forward)", or "" when all was finite so far.
  const std::string& first() const { return first_; }

 private:
  std::string first_;
  FiniteCheck* outer_;
  static constinit thread_local FiniteCheck* active_;
};

}  // namespace headlight
