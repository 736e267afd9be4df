// Exercise 3: attention forward, then its backward pass by hand.
//
// Shapes: q [T,D] has one row per query, k [S,D] and v [S,E] have one row per key. In self-attention S = T; here they
// may differ. No mask: every query sees every key. Matrix (matrix.h) has .rows, .columns and m(row, column).
//
//   forward    scores = q k^T / sqrt(D)  [T,S]     weights = softmax of each row  [T,S]     output z = weights v  [T,E]
//   backward   given dz = dL/dz [T,E], in this order: dv, dweights, dscores, then dq and dk
//
// Write one function, run `make exercise N=3`, and go on with the next. Each function is checked alone, with correct
// inputs.
#pragma once

#include <algorithm>
#include <cmath>

#include "lessons/03_self_attention/matrix.h"
#include "lessons/exercise_check.h"

namespace headlight::lessons {

// scores(t,s): the dot product of query t and key s, divided by the square root of D. Example, with D = 4:
// q = [[2,0,0,0]], k = [[3,0,0,0], [0,1,0,0]] -> [[3,0]].
inline Matrix attention_scores(const Matrix& q, const Matrix& k) {
  (void)q, (void)k;
  throw exercise::NotWritten("a Matrix scores(q.rows, k.rows), and three loops over t, s and d");
}

// weights(t,s) = e^scores(t,s) / sum over s' of e^scores(t,s'). Scores may be large (e^1000 overflows), and -infinity
// for single keys of a row. Example: [[0, 0], [ln 3, 0]] -> [[0.5, 0.5], [0.75, 0.25]].
inline Matrix softmax_rows(const Matrix& scores) {
  (void)scores;
  throw exercise::NotWritten("the largest score of row t, which you subtract from all scores of the row");
}

// z(t,e): the sum over the keys s of weights(t,s) v(s,e).
inline Matrix attention_output(const Matrix& weights, const Matrix& v) {
  (void)weights, (void)v;
  throw exercise::NotWritten("a Matrix z(weights.rows, v.columns), and the three loops over t, s and e");
}

// dv(s,e) = dL/dv(s,e) [S,E]. Which outputs depend on v(s,e), and with which factor?
inline Matrix grad_values(const Matrix& weights, const Matrix& dz) {
  (void)weights, (void)dz;
  throw exercise::NotWritten("z(t,e) = sum_s weights(t,s) v(s,e): which rows of z depend on v(s,e)?");
}

// dweights(t,s) = dL/dweights(t,s) [T,S], as if all weights were free to change.
inline Matrix grad_weights(const Matrix& dz, const Matrix& v) {
  (void)dz, (void)v;
  throw exercise::NotWritten("z(t,e) = sum_s weights(t,s) v(s,e): which channels e of z depend on weights(t,s)?");
}

// dscores(t,s) = dL/dscores(t,s) [T,S], given the weights and dL/dweights.
inline Matrix softmax_backward(const Matrix& weights, const Matrix& dweights) {
  (void)weights, (void)dweights;
  throw exercise::NotWritten("the number that all keys of row t share: one loop over the keys adds it up");
}

// dq(t,d) = dL/dq(t,d) [T,D].
inline Matrix grad_queries(const Matrix& dscores, const Matrix& k) {
  (void)dscores, (void)k;
  throw exercise::NotWritten("scores(t,s) = sum_d q(t,d) k(s,d) / sqrt(D): which scores depend on q(t,d)?");
}

// dk(s,d) = dL/dk(s,d) [S,D].
inline Matrix grad_keys(const Matrix& dscores, const Matrix& q) {
  (void)dscores, (void)q;
  throw exercise::NotWritten("scores(t,s) = sum_d q(t,d) k(s,d) / sqrt(D): which scores depend on k(s,d)?");
}

}  // namespace headlight::lessons
