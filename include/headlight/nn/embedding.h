// Embedding: a learned row for each id. ids laid out as `shape` -> [shape..., C].
#pragma once

#include <cstdint>
#include <span>

#include "headlight/nn/module.h"
#include "headlight/ops/ops.h"

namespace headlight {

class Embedding : public Module {
 public:
  // Rows start as normal numbers of the given standard deviation.
  Embedding(Index rows, Index width, double deviation = 1)
      : weight{this, "weight", {rows, width}, Init::normal(deviation)} {}

  Tensor operator()(std::span<const std::int32_t> ids, const Shape& shape) const {
    return embedding(weight, ids, shape);
  }

  Param weight;  // [V,C]
};

}  // namespace headlight
