// Exercise 4: derive the variance of a score, and compute attention weights whose sharpness does not depend on D.
//
// A score is q · k = q_1 k_1 + ... + q_D k_D. All entries are independent. The entries of q have one mean and variance,
// the entries of k have another. In the lesson both means are 0; here they need not be, so derive the formula on paper
// first.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "lessons/03_self_attention/matrix.h"
#include "lessons/exercise_check.h"

namespace headlight::lessons {

struct Entries {
  double mean, variance;
};

// The variance of x y, where x and y are independent entries. Example: means 0, variances 2 and 3 -> 6.
inline double product_variance(const Entries& x, const Entries& y) {
  (void)x, (void)y;
  throw exercise::NotWritten("Var(xy) = E[x²y²] - E[xy]², where E[x²y²] = E[x²] E[y²] and E[x²] = variance + mean²");
}

// The variance of q · k for vectors of d entries.
inline double score_variance(int d, const Entries& q, const Entries& k) {
  (void)d, (void)q, (void)k;
  throw exercise::NotWritten("the variance of a sum of d independent terms, each of which is a product");
}

// The positive divisor with which q · k has variance 1. Example: d = 16, means 0, variances 1 -> 4.
inline double score_divisor(int d, const Entries& q, const Entries& k) {
  (void)d, (void)q, (void)k;
  throw exercise::NotWritten("Var(score / c) = Var(score) / c²");
}

// The attention weights [T,S] of queries q [T,D] and keys k [S,D]: the softmax of (q_t · k_s) / divisor over the keys
// s. The scores may be as large as 10000 or as low as -10000. Matrix has .rows, .columns and m(row, column).
inline Matrix attention_weights(const Matrix& q, const Matrix& k, double divisor) {
  (void)q, (void)k, (void)divisor;
  throw exercise::NotWritten("the scores of row t, divided by the divisor, and the largest of them");
}

// The effective number of weights that sum to 1: e^H with H = - sum of w ln w. Single weights may be 0.
// Examples: {0.25, 0.25, 0.25, 0.25} -> 4, {1, 0, 0, 0} -> 1.
inline double effective_number(const std::vector<double>& weights) {
  (void)weights;
  throw exercise::NotWritten("H -= w * std::log(w) for each weight w; take care of w = 0");
}

}  // namespace headlight::lessons
