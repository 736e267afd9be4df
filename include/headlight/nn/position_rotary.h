// Rotary positions (Su et al. 2021): queries and keys are turned by angles proportional to their position, so that their
// product depends on the distance alone. The formula stands in src/ops/rotate.cpp.
#pragma once

#include "headlight/nn/position.h"

namespace headlight {

inline constexpr Index kRotaryBase = 10000;

class RotaryPosition : public PositionEncoding {
 public:
  explicit RotaryPosition(double base = kRotaryBase) : base_(base) {}

  // [B,H,T,D] with D even.
  Tensor turn(const Tensor& q_or_k, Index offset = 0) const override { return rotate(q_or_k, offset, base_); }
  bool relative() const override { return true; }

  bool turns() const override { return true; }

 private:
  double base_;
};

}  // namespace headlight
