// The weights of an attention layer as plain arrays, for exercise 7.
#pragma once

#include <cstddef>
#include <vector>

namespace headlight::lessons {

// The layout of MultiHeadAttention (headlight/nn/multi_head_attention.h). All matrices are row-major: element [r,c] of
// a matrix with n columns is at index r n + c.
struct AttentionLayer {
  std::size_t C = 0, H = 0, D = 0;  // width, number of heads, size of a head; HD need not equal C
  std::vector<float> qkv;           // [3HD, C]: row hD + d is the query of head h, row HD + hD + d its key,
                                    // row 2HD + hD + d its value
  std::vector<float> qkv_bias;      // [3HD], in the same order
  std::vector<float> out;           // [C, HD]: column hD + d multiplies element d of head h's output
  std::vector<float> out_bias;      // [C]
};

}  // namespace headlight::lessons
