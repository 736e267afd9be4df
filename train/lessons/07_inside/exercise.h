// Exercise 7: prune the heads of an attention layer. Read layer.h first: it has the layout of the matrices.
//
//   prune_heads: returns a copy of the layer with only the heads in `kept`. The matrices become smaller: with K kept
//   heads, qkv is [3KD, C], qkv_bias [3KD], out [C, KD] and out_bias [C]. C and D stay, and H becomes K. All other
//   heads are pruned.
//
// Let z [HD] be the outputs of all heads at one position. The full layer computes y = out z + out_bias. The pruned
// layer must compute the y that the full layer computes if the outputs of the pruned heads are replaced by constants:
//
//   z[hD + d] = mean[hD + d] for every pruned head h, d = 0 .. D-1
//
// mean is [HD], and its entries for kept heads are ignored. A mean of zeros is allowed. The constants add the same
// vector to y at every position, so the pruned layer adds that vector to out_bias.
//
// Example: C = 1, H = 2, D = 1, qkv = {1, 2,  3, 4,  5, 6}, qkv_bias = {20, 21,  22, 23,  24, 25}, out = {7, 8},
//   out_bias = {10}, mean = {0, 0.5}, kept = {0}:
//   pruned: H = 1, qkv = {1, 3, 5}, qkv_bias = {20, 22, 24}, out = {7}, out_bias = {10 + 8 * 0.5} = {14}
#pragma once

#include <cstddef>
#include <vector>

#include "lessons/07_inside/layer.h"
#include "lessons/exercise_check.h"

namespace headlight::lessons {

// `kept` is ascending, without duplicates, and may be empty.
inline AttentionLayer prune_heads(const AttentionLayer& layer, const std::vector<std::size_t>& kept,
                                  const std::vector<float>& mean) {
  (void)layer, (void)kept, (void)mean;
  throw exercise::NotWritten(
      "the sizes C, H and D of the result; then its qkv: which rows of the full qkv belong to head h?");
}

}  // namespace headlight::lessons
