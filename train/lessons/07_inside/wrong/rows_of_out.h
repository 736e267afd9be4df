// expect: out loses columns, not rows
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "lessons/07_inside/layer.h"

namespace headlight::lessons {

inline AttentionLayer prune_heads(const AttentionLayer& layer, const std::vector<std::size_t>& kept,
                                  const std::vector<float>& mean) {
  const std::size_t C = layer.C, H = layer.H, D = layer.D;
  AttentionLayer pruned;
  pruned.C = C;
  pruned.H = kept.size();
  pruned.D = D;
  // Rows of qkv, in three parts.
  for (std::size_t part = 0; part < 3; ++part)
    for (const std::size_t h : kept)
      for (std::size_t d = 0; d < D; ++d) {
        const std::size_t row = part * H * D + h * D + d;
        for (std::size_t c = 0; c < C; ++c) pruned.qkv.push_back(layer.qkv[row * C + c]);
        pruned.qkv_bias.push_back(layer.qkv_bias[row]);
      }
  for (const std::size_t h : kept)
    for (std::size_t i = h * D * C; i < (h + 1) * D * C; ++i) pruned.out.push_back(layer.out[i]);
  pruned.out_bias = layer.out_bias;
  (void)mean;
  return pruned;
}

}  // namespace headlight::lessons
