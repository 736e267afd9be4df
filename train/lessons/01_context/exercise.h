// Exercise 1: the causal mask, and the softmax that obeys it. Replace both lines that throw NotWritten, then run
// `make exercise N=1`.
//
// There are `queries` = T positions that predict and `keys` = S positions that can be read. The queries are the last T
// of the S positions, so S >= T >= 1, and query t stands at position t + S - T. With T = S, query t stands at position
// t. With T = 1, one new symbol reads all S symbols up to itself: this is how a model generates text.
//
// Both matrices are [T,S], row-major: the entry of query t and key s is at index t * keys + s.
#pragma once

#include <cmath>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

// 1 where query t may read key s, which means that s is not later than the query's own position; otherwise 0.
//
//   causal_mask(3, 3) is   1 0 0      causal_mask(2, 4) is   1 1 1 0
//                          1 1 0                             1 1 1 1
//                          1 1 1
inline std::vector<float> causal_mask(int queries, int keys) {
  throw NotWritten("causal_mask: mask[t * keys + s] = 1 if key s is not later than query t");
}

// The weights of each query over the keys: in every row t the softmax of the scores whose mask is 1,
//
//   weight[t][s] = e^score[t][s] / (sum of e^score[t][j] over the keys j with mask[t][j] = 1),
//
// and exactly 0 where the mask is 0. Scores can be as large as 1000, and masked scores can be anything, even infinite
// or NaN: they must not matter. A row whose mask is all 0 gets all 0.
//
//   scores  0 0 9   mask  1 0 0   gives   1   0   0
//           0 0 9         1 1 0           0.5 0.5 0
inline std::vector<float> masked_softmax(const std::vector<float>& scores, const std::vector<float>& mask, int queries,
                                         int keys) {
  throw NotWritten("masked_softmax: for each row, find the largest score whose mask is 1");
}

}  // namespace headlight::exercise
