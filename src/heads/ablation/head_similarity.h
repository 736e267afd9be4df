// Similarity of pairs of heads: of their attention and of their outputs.
#pragma once

#include <vector>

#include "heads/roles/head_windows.h"

namespace headlight {

// Symmetric matrices over all_heads().
struct HeadSimilarity {
  // Mean over queries of the Jensen-Shannon distance between the two attention rows: the square root of the divergence
  // in bits. 0 for equal attention, 1 for attention on disjoint sets of keys.
  std::vector<std::vector<double>> attention_distance;
  // Linear centered kernel alignment (CKA) of the outputs z (Kornblith et al. 2019): 1 when one output is a rotated and
  // scaled copy of the other, 0 when the two are uncorrelated.
  std::vector<std::vector<double>> output_cka;
};

HeadSimilarity similarity(const HeadedModel& model, const HeadWindows& windows);

// The two measures: for two distributions over n keys, and for two matrices of N outputs [N,D].
double jensen_shannon_distance(const float* a, const float* b, Index n);
double linear_cka(const Tensor& a, const Tensor& b);

}  // namespace headlight
