// Direct logit attribution (Elhage et al. 2021): what each head adds to the logits by the residual stream, past all later
// layers. With the last norm's scale as it was, the logits are the sum of the embedding's, the heads' and the feed-forward
// layers' shares; in a model of one layer of attention alone nothing else is left.
#pragma once

#include <vector>

#include "heads/sources/expert_regression.h"
#include "heads/study/measuring.h"

namespace headlight {

struct DirectLogits {
  // [head], in the order of all_heads(): how much of each expert's table is in what the head writes. Over the embedding,
  // heads and feed-forward layers these add up to Retention::whole.
  std::vector<Estimates> by_expert;
  // [head]: the mean, over the measured predictions, of the logit that the head adds to the symbol that came, beyond the
  // mean of what it adds to all.
  std::vector<double> to_target;
};

// Of each head, the logits that it adds: [place][S], centered over the S symbols. Error: a post-norm model.
std::vector<std::vector<double>> direct_logits(const CharTransformer& model, const ExpertWindows& experts);

DirectLogits measure_direct_logits(const CharTransformer& model, const ExpertWindows& experts,
                                   const ExpertRegression& regression);

}  // namespace headlight
