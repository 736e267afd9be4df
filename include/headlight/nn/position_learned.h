// Learned positions: a row for each place in the context, added to the embeddings (as in GPT-2). The context is the
// longest text the model can see.
#pragma once

#include "headlight/nn/position.h"

namespace headlight {

class LearnedPosition : public PositionEncoding {
 public:
  LearnedPosition(Index context, Index width) : weight{this, "weight", {context, width}, Init::normal(0.02)} {}

  // x [B,T,C] -> x + rows offset .. offset+T-1. Error: a position beyond the context.
  Tensor embed(const Tensor& x, Index offset = 0) const override {
    const Index end = offset + x.size(1), context = weight.value().size(0);
    if (end > context) fail("position ", end - 1, " is beyond the context of ", context, " that this model learned");
    return add(x, slice(weight, 0, offset, end));
  }

  Param weight;  // [context, C]
};

}  // namespace headlight
