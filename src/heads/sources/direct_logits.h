// Direct logit attribution (Elhage et al. 2021): the part of the logits that each head adds through the residual
// stream, without passing through later layers. With the scale of the last norm held fixed, the logits are the sum of
// the contributions of the embedding, the heads and the feed-forward layers. In a one-layer attention-only model, the
// direct contribution of a head is its whole contribution.
#pragma once

#include <vector>

#include "heads/sources/expert_regression.h"
#include "heads/study/progress.h"

namespace headlight {

struct DirectLogits {
  // [head], in the order of all_heads(): the coefficient K of each expert's table in the logits that the head adds.
  // Summed over the embedding, heads and feed-forward layers, the coefficients equal Retention::whole.
  std::vector<Estimates> by_expert;
  // [head]: the logit that the head adds to the target symbol, minus the mean that it adds to all symbols; mean over
  // the measured predictions.
  std::vector<double> to_target;
};

// For each head, the logits that it adds: [place][S], centered over the S symbols. Error: a post-norm model.
std::vector<std::vector<double>> direct_logits(const TransformerLM& model, const ExpertWindows& experts);

DirectLogits measure_direct_logits(const TransformerLM& model, const ExpertWindows& experts,
                                   const ExpertRegression& regression);

}  // namespace headlight
