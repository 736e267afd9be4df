// Activation patching (Vig et al. 2020; Meng et al. 2022) on experts. One symbol of the text, the evidence of a single
// expert, is swapped for another symbol. The output of one head in the run on the swapped text then replaces its output
// in the run on the original text. If the head carries that expert, the logits change as they do on the swapped text.
#pragma once

#include <vector>

#include "heads/roles/head_scores.h"
#include "heads/sources/expert_regression.h"
#include "heads/study/progress.h"

namespace headlight {

struct Patching {
  // [expert]: the effect of a swap on the whole model. The change of the logits is projected on the change of the
  // expert's table row, and divided by the change that the true table implies. 1 for a model with the true table; 0 for
  // an expert without possible swaps.
  Estimates whole;
  // [head][expert]: the share of `whole` that patching the output of this head alone causes.
  std::vector<Estimates> heads;
  std::vector<Index> swaps;  // [expert]: number of swaps measured
};

inline constexpr int kPatchRounds = 4;  // swaps per window and expert

// Measures the experts that need attention. A swapped symbol is not evidence of another expert for the same prediction.
// A letter replaces a letter and a digit a digit, so the evidence of all other experts stays where it is.
Patching measure_patching(const HeadedModel& model, const ExpertWindows& experts, const Vocabulary& vocabulary,
                          const Bootstrap& bootstrap, std::uint64_t seed, int rounds = kPatchRounds,
                          const AfterEvaluation& after_each = {});

}  // namespace headlight
