// NoPosition: no position encoding. A causal model can still infer positions from the number of visible keys (Haviv et
// al. 2022); a model without a mask cannot.
#pragma once

#include "headlight/nn/position.h"

namespace headlight {

class NoPosition : public PositionEncoding {
 public:
  bool relative() const override { return true; }
};

}  // namespace headlight
