// Embedding: a table with one learned row of C numbers per id. ids in row-major order of `shape` -> [shape...,C].
#pragma once

#include <cstdint>
#include <span>

#include "headlight/nn/module.h"
#include "headlight/ops/ops.h"

namespace headlight {

class Embedding : public Module {
 public:
  // `rows` is V, `width` is C. Initial weights are normal with mean 0 and the given standard deviation.
  Embedding(Index rows, Index width, double stddev = 1)
      : weight{this, "weight", {rows, width}, Init::normal(stddev), ParamRole::kEmbedding} {}

  // Errors: the number of ids is not the element count of `shape`, an id outside 0..V-1.
  Tensor operator()(std::span<const std::int32_t> ids, const Shape& shape) const {
    return embedding(weight, ids, shape);
  }

  Param weight;  // [V,C]
};

}  // namespace headlight
