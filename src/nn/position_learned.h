// Learned position encoding, as in GPT-2: one learned row per position is added to the embeddings. A sequence cannot be
// longer than the context, which is the number of rows.
#pragma once

#include "headlight/nn/position.h"

namespace headlight {

class LearnedPosition : public PositionEncoding {
 public:
  LearnedPosition(Index context, Index width)
      : weight{this, "weight", {context, width}, Init::normal(0.02), ParamRole::kEmbedding} {}

  // x [B,T,C] + rows offset .. offset+T-1 of the table -> [B,T,C]. Error: a position beyond the context.
  Tensor embed(const Tensor& x, Index offset = 0) const override {
    const Index end = offset + x.size(1), context = weight.value().size(0);
    if (end > context)
      fail("position: ", end - 1, " is outside the learned context of ", context, "; use a shorter sequence");
    return add(x, slice(weight, 0, offset, end));
  }

  Param weight;  // [context, C]
};

}  // namespace headlight
