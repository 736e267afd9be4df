// expect: these are the means of the kept heads
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
  // Columns of out; the bias gets the means of the kept heads.
  for (std::size_t c = 0; c < C; ++c) {
    float bias = layer.out_bias[c];
    for (std::size_t h = 0; h < H; ++h) {
      const bool keep = std::find(kept.begin(), kept.end(), h) != kept.end();
      for (std::size_t d = 0; d < D; ++d) {
        const float w = layer.out[c * H * D + h * D + d];
        if (keep) pruned.out.push_back(w);
        if (keep) bias += w * mean[h * D + d];
      }
    }
    pruned.out_bias.push_back(bias);
  }
  return pruned;
}

}  // namespace headlight::lessons
