// A layer of our own: value(x) * cos(angle(x)). x [B,T,C] -> [B,T,F].
#pragma once

#include "cosine_gate.h"

namespace mine {

class CosineLayer : public headlight::Module {
 public:
  CosineLayer(headlight::Index inputs, headlight::Index outputs)
      : value{this, "value", inputs, outputs}, angle{this, "angle", inputs, outputs} {}

  headlight::Tensor operator()(const headlight::Tensor& x) const { return cosine_gate(value(x), angle(x)); }

  headlight::Child<headlight::Linear> value, angle;
};

}  // namespace mine
