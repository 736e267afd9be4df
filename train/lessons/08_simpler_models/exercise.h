// Exercise 8: sliding-window attention, token by token, with a ring buffer.
//
// Each token attends to the last W tokens, itself included, so older keys and values are never needed again. Keep W
// rows of keys and W rows of values, and let each new token overwrite the oldest row. Example, W = 3:
//
//   token   row written   rows in the ring    tokens it attends to
//   0       0             0  -  -             0
//   1       1             0  1  -             0 1
//   2       2             0  1  2             0 1 2
//   3       0             3  1  2             1 2 3
//   4       1             3  4  2             2 3 4
//
// The weighted sum of the values does not depend on the order of the rows: no need to sort the ring by age.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

class WindowAttention {
 public:
  // D >= 1 floats per row, W >= 1 rows. Memory: W keys and W values of D floats each, for any number of tokens.
  WindowAttention(std::size_t D, std::size_t W) : row_size_(D), window_(W) {}

  // Takes the query q [D], key k [D] and value v [D] of the next token. Returns its attention output z [D], equal to
  // row t of full attention with the mask t - W < s <= t:
  //
  //   score(s) = q . k(s) / sqrt(D)   weight = softmax of the scores of the visible tokens s   z = sum_s weight(s) v(s)
  //
  // Scores may be large (e^1000 overflows) or all far below 0. The caller reuses q, k and v for the next token.
  std::vector<float> next(const std::vector<float>& q, const std::vector<float>& k, const std::vector<float>& v) {
    (void)q, (void)k, (void)v, (void)row_size_, (void)window_;
    throw NotWritten("next: members for W rows of keys and W rows of values, and a copy of k and v into one row");
  }

  // The number of rows that hold a token: 0 in a new object, W at most.
  std::size_t stored() const {
    throw NotWritten("stored: a member that counts tokens; how many of them are in the ring?");
  }

 private:
  std::size_t row_size_, window_;
};

}  // namespace headlight::exercise
