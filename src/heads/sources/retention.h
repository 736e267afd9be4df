// Retention: how much of each expert a model still uses when a head is ablated. If each head serves one expert, the
// matrix head x expert has one small value per head and 1 elsewhere.
#pragma once

#include <vector>

#include "heads/ablation/ablation.h"
#include "heads/ablation/specialization.h"
#include "heads/sources/expert_regression.h"
#include "heads/study/progress.h"

namespace headlight {

struct Retention {
  Estimates whole;               // nothing ablated
  std::vector<Estimates> parts;  // [head or subspace], mean-ablated one at a time
  Estimates none;                // all heads mean-ablated; experts that need no attention remain
};

// The retention with each head ablated, in the order of all_heads().
Retention measure_retention(const HeadedModel& model, const HeadMeans& means, const ExpertWindows& experts,
                            const ExpertRegression& regression, const AfterEvaluation& after_each = {});

// The random-subspace baseline: `parts` are as many random subspaces as there are heads, each of a head's dimension
// (ablate_subspaces() in specialization.h). Returns `rotations` results, with `whole` and `none` copied from `heads`.
std::vector<Retention> subspace_retention(const HeadedModel& model, const HeadMeans& means,
                                          const ExpertWindows& experts, const ExpertRegression& regression,
                                          const Retention& heads, int rotations, std::uint64_t seed,
                                          const AfterEvaluation& after_each = {});

// Specialization index (specialization.h) of max(0, 1 - K), over the experts that need attention.
double retention_index(const Retention& retention, std::span<const Expert> experts);

}  // namespace headlight
