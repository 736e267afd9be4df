// No position encoding: a causal model can still tell positions apart by how many keys each query sees (Haviv et al.
// 2022), a model without mask cannot tell them apart at all.
#pragma once

#include "headlight/nn/position.h"

namespace headlight {

class NoPosition : public PositionEncoding {
 public:
  bool relative() const override { return true; }
};

}  // namespace headlight
