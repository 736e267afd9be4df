// NoPosition: no position encoding. A model with a causal mask can still infer positions from the number of unmasked
// keys (Haviv et al. 2022); a model without a mask cannot.
#pragma once

#include "headlight/nn/position.h"

namespace headlight {

class NoPosition : public PositionEncoding {
 public:
  bool relative() const override { return true; }
};

}  // namespace headlight
