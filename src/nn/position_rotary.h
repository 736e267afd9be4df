// Rotary position encoding (Su et al. 2021): rotates queries and keys by angles proportional to their positions, so
// that scores depend on relative positions only. For the formula see src/ops/rotate.cpp.
#pragma once

#include <utility>

#include "headlight/nn/position.h"

namespace headlight {

inline constexpr Index kRotaryBase = 10000;

class RotaryPosition : public PositionEncoding {
 public:
  explicit RotaryPosition(double base = kRotaryBase) : base_(base) {}

  // [B,H,T,D] -> [B,H,T,D]. Error: D odd.
  Tensor rotate(const Tensor& q_or_k, Index offset = 0) const override {
    return headlight::rotate(q_or_k, offset, base_);
  }
  Tensor rotate_heads(Tensor x, Index heads, Index size) const override {
    return headlight::rotate_heads(std::move(x), heads, size, 0, base_);
  }
  bool relative() const override { return true; }

  bool is_rotary() const override { return true; }

 private:
  double base_;
};

}  // namespace headlight
