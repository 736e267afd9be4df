// How alike two heads are, in where they look and in what they bring back.
#pragma once

#include <vector>

#include "heads/roles/head_windows.h"

namespace headlight {

// Matrices over all_heads(), symmetric.
struct HeadSimilarity {
  // Mean over queries of the Jensen-Shannon distance of the two attention rows: the root of the divergence in bits; 0 when
  // they look at the same places alike, 1 when at no common place.
  std::vector<std::vector<double>> attention_distance;
  // Linear centered kernel alignment of their outputs z (Kornblith et al. 2019): 1 when one is a rotated, scaled copy of the
  // other, 0 when they have nothing linear in common.
  std::vector<std::vector<double>> output_cka;
};

HeadSimilarity similarity(const CharTransformer& model, const HeadWindows& windows);

// The two measures by themselves: of two distributions over n keys, and of two sets of N outputs [N,D].
double jensen_shannon_distance(const float* a, const float* b, Index n);
double linear_cka(const Tensor& a, const Tensor& b);

}  // namespace headlight
