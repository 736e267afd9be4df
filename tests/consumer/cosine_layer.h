// A user-defined layer: value(x) * cos(angle(x)). x [B,T,C] -> [B,T,F].
#pragma once

#include "cosine_gate.h"

namespace mine {

class CosineLayer : public headlight::Module {
 public:
  CosineLayer(headlight::Index inputs, headlight::Index outputs)
      : value{this, "value", inputs, outputs}, angle{this, "angle", inputs, outputs} {}

  headlight::Tensor operator()(const headlight::Tensor& x) const {
    const headlight::Tensor size = value(x);  // [B,T,F]
    return cosine_gate(size, angle(x));
  }

  headlight::Child<headlight::Linear> value, angle;
};

}  // namespace mine
