// ALiBi position encoding (Press, Smith, Lewis 2022): scores decrease linearly with distance, with one slope per head.
//   bias[h,t,s] = -m_h (t - s),   m_h = 2^(-8 (h+1) / H)
// If H is a power of two, these are the paper's slopes; other H use the same formula. There are no parameters, and
// sequences may be longer than in training.
#pragma once

#include <cmath>

#include "headlight/nn/position.h"

namespace headlight {

class AlibiPosition : public PositionEncoding {
 public:
  // m_h for h = `head`, H = `heads`.
  static double slope(Index head, Index heads) {
    return std::pow(2.0, -8.0 * static_cast<double>(head + 1) / static_cast<double>(heads));
  }

  // [H,T,S]; query t is at position t + S - T.
  Tensor bias(Index heads, Index queries, Index keys, DType dtype) const override {
    PoolVector<double> values;
    values.reserve(static_cast<std::size_t>(heads * queries * keys));
    for (Index h = 0; h < heads; ++h) {
      const double m = slope(h, heads);
      for (Index t = keys - queries; t < keys; ++t)
        for (Index s = 0; s < keys; ++s) values.push_back(-m * static_cast<double>(t - s));
    }
    return Tensor::of({heads, queries, keys}, values, dtype);
  }
  bool relative() const override { return true; }
};

}  // namespace headlight
