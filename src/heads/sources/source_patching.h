// Activation patching (Vig et al. 2020; Meng et al. 2022) on experts: one symbol of the text, the evidence of a single
// expert, is swapped for another; the output of one head is taken from the run on the swapped text and put into the run on
// the text as it was. If the head carries that expert, the logits move as they did when the model read the swapped text.
#pragma once

#include <vector>

#include "heads/roles/head_scores.h"
#include "heads/sources/expert_regression.h"
#include "heads/study/measuring.h"

namespace headlight {

struct Patching {
  // [expert]: how far the logits move along the change of the expert's table when the whole model reads the swapped text,
  // 1 being as far as they should. Experts without any possible swap have 0.
  Estimates whole;
  // [head][expert]: the share of that movement that the head's output alone brings about.
  std::vector<Estimates> heads;
  std::vector<Index> swaps;  // [expert]: how many were measured
};

inline constexpr int kPatchRounds = 4;  // swaps of each window and expert

// Measured for experts that need attention. A swapped symbol is the evidence of no other expert for the same prediction,
// and its replacement is a letter for a letter, a digit for a digit, so that nothing else changes its place.
Patching measure_patching(const CharTransformer& model, const ExpertWindows& experts, const Vocabulary& vocabulary,
                          const Bootstrap& bootstrap, std::uint64_t seed, int rounds = kPatchRounds,
                          const AfterEvaluation& after_each = {});

}  // namespace headlight
