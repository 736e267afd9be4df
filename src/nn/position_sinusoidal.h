// Sinusoidal position encoding (Vaswani et al. 2017), a fixed table p added to the embeddings:
//   p[t, 2i] = sin(t / 10000^(2i/C)),   p[t, 2i+1] = cos(t / 10000^(2i/C))
// There are no parameters, and sequences may have any length.
#pragma once

#include <cmath>
#include <cstddef>

#include "headlight/nn/position.h"

namespace headlight {

class SinusoidalPosition : public PositionEncoding {
 public:
  // x [B,T,C] + p [T,C] -> [B,T,C].
  Tensor embed(const Tensor& x, Index offset = 0) const override {
    return add(x, table(x.size(1), x.size(2), offset, x.dtype()));
  }

  // p [T,C] for positions offset .. offset+T-1, with T = `positions`, C = `width`.
  static Tensor table(Index positions, Index width, Index offset = 0, DType dtype = default_dtype()) {
    PoolVector<double> values;
    values.reserve(static_cast<std::size_t>(positions * width));
    for (Index t = offset; t < offset + positions; ++t) {
      for (Index c = 0; c < width; ++c) {
        const double exponent = static_cast<double>(c - c % 2) / static_cast<double>(width);
        const double angle = static_cast<double>(t) / std::pow(10000.0, exponent);
        values.push_back(c % 2 == 0 ? std::sin(angle) : std::cos(angle));
      }
    }
    return Tensor::of({positions, width}, values, dtype);
  }
};

}  // namespace headlight
