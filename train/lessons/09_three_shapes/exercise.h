// Exercise 9: cross-attention with a padding mask, as in the decoder of an encoder-decoder. One head, no batch.
//
// q [T,D] has one row per target position. k [S,D] and v [S,E] have one row per source position. All are row-major:
// element d of row t of q is q[t * D + d]. Sources of a batch are padded to S rows; only the first `length` keys of this
// source are real, 0 <= length <= S. Padded rows hold arbitrary numbers, NaN and infinity included.
//
//   weights(t,s) = e^x(t,s) / sum over real keys s' of e^x(t,s'),  x(t,s) = q_t · k_s / sqrt(D)     for real keys s
//   weights(t,s) = 0                                                                                for padding
//   z_t          = sum over real keys s of weights(t,s) v_s
//
// If all keys are padding (length = 0), all weights and all z are 0. Every query row counts: the target has no padding
// here, and there is no causal mask, because the whole source is known before the first target symbol.
//
// Example, D = E = 1: q = {0}, k = {5, 7, 9}, v = {1, 3, 100}, length = 2 -> weights {0.5, 0.5, 0}, z = {2}.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

struct Sizes {
  int T, S, D, E;
};

// The weights [T,S], row-major. Scores may be large (e^1000 overflows) or very negative.
inline std::vector<float> cross_weights(const std::vector<float>& q, const std::vector<float>& k, const Sizes& n,
                                        int length) {
  (void)q, (void)k, (void)n, (void)length;
  throw NotWritten("std::vector<float> weights(T * S, 0), and for each query t the scores of the keys s < length");
}

// z [T,E], row-major, for weights from cross_weights().
inline std::vector<float> cross_output(const std::vector<float>& weights, const std::vector<float>& v, const Sizes& n,
                                       int length) {
  (void)weights, (void)v, (void)n, (void)length;
  throw NotWritten("z[t * E + e] += weights[t * S + s] * v[s * E + e] for s < length; 0 * NaN is NaN");
}

}  // namespace headlight::exercise
