// Exercise 5: split the columns of a tensor among H heads, and merge the heads again. Numbers only move; none changes.
//
//   split_heads: x [B,T,C] -> y [B,H,T,D] with D = C / H:   y[b,h,t,d] = x[b,t,hD + d]
//   merge_heads: y [B,H,T,D] -> x [B,T,HD], the inverse:    x[b,t,hD + d] = y[b,h,t,d]
//
// All tensors are row-major: element [b,t,c] of a [B,T,C] tensor is at index (bT + t)C + c. Example with B = 1, T = 2,
// C = 6, H = 2, D = 3:
//
//   x = {1000, 1001, 1002, 1003, 1004, 1005,     y = {1000, 1001, 1002,   head 0, position 0
//        1100, 1101, 1102, 1103, 1104, 1105}          1100, 1101, 1102,   head 0, position 1
//                                                     1003, 1004, 1005,   head 1, position 0
//                                                     1103, 1104, 1105}   head 1, position 1
//
// The tests use such numbers too: x[b,t,c] is 1000 (b + 1) + 100 t + c, so 1103 is sequence 0, position 1, column 3.
// Use loops and plain indices, not Headlight's permute(). H, D and C are at least 1. B and T may be 0; the result is
// then empty.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::lessons {

// x [B,T,C] -> [B,H,T,D]. Error: throw any standard exception, such as std::invalid_argument, if H does not divide C.
inline std::vector<float> split_heads(const std::vector<float>& x, std::size_t B, std::size_t T, std::size_t C,
                                      std::size_t H) {
  (void)x, (void)B, (void)T, (void)C, (void)H;
  throw exercise::NotWritten("const std::size_t D = C / H; a result as large as x; and four loops over b, h, t, d");
}

// y [B,H,T,D] -> [B,T,HD].
inline std::vector<float> merge_heads(const std::vector<float>& y, std::size_t B, std::size_t H, std::size_t T,
                                      std::size_t D) {
  (void)y, (void)B, (void)H, (void)T, (void)D;
  throw exercise::NotWritten("a result as large as y; of the two indices in split_heads, which one belongs to y here?");
}

}  // namespace headlight::lessons
