// Exercise 10: score a head against chance, and ablate it. Plain arrays, row-major.
//
// A [T,T] is the attention of one causal head: A[t * T + j] is the weight of key j for query t. Rows sum to 1, and
// weights of later keys (j > t) are 0. R [T,T] is a role: R[t * T + j] is 1 if key j belongs to the role of query t,
// otherwise 0. A query is eligible if its role contains a visible key (j <= t); R may also mark later keys, which do
// not count.
//
// Example, T = 2, the role "previous token": R = {0, 0, 1, 0}. Only query 1 is eligible. For A = {1, 0, 0.8, 0.2} the
// score is 0.8, chance is 1/2, and kappa is (0.8 - 0.5) / (1 - 0.5) = 0.6.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

// S: over the eligible queries, the mean of the attention on the role's keys. 0 if no query is eligible.
inline double score(const std::vector<float>& A, const std::vector<float>& R, int T) {
  (void)A, (void)R, (void)T;
  throw NotWritten("for each query t, sum A[t * T + j] * R[t * T + j] over j <= t; count the eligible queries");
}

// S0: the score of uniform causal attention, whose query t gives 1 / (t + 1) to each of the keys 0 .. t.
inline double chance(const std::vector<float>& R, int T) {
  (void)R, (void)T;
  throw NotWritten("a row of uniform attention: how many keys does query t have?");
}

// (S - S0) / (1 - S0): 0 for uniform attention, 1 if all attention lies on the role. NaN where this is undefined: no
// query is eligible, or the role contains every key, so that S0 is 1.
inline double kappa(const std::vector<float>& A, const std::vector<float>& R, int T) {
  (void)A, (void)R, (void)T;
  throw NotWritten("const double s0 = chance(R, T); then the two cases without an answer");
}

// Mean-ablation of head h in z [B,H,T,D], the outputs of H heads on B sequences. Returns a copy of z in which
// z[b,h,t,:] is the mean of z[.,h,t,:] over the B sequences. Everything else stays as it is. The element z[b,h,t,d] is
// z[((b * H + h) * T + t) * D + d].
inline std::vector<float> mean_ablate(const std::vector<float>& z, int B, int H, int T, int D, int h) {
  (void)z, (void)B, (void)H, (void)T, (void)D, (void)h;
  throw NotWritten("for each t and d: the mean over b of z[b,h,t,d]; then write it to every b of a copy");
}

}  // namespace headlight::exercise
