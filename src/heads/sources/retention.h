// Retention: how much of each expert a model still uses when a head is ablated. Heads that each serve one expert give a
// matrix with small values on a diagonal and 1 elsewhere.
#pragma once

#include <vector>

#include "heads/ablation/ablation.h"
#include "heads/ablation/specialization.h"
#include "heads/sources/expert_regression.h"
#include "heads/study/measuring.h"

namespace headlight {

struct Retention {
  Estimates whole;               // nothing ablated
  std::vector<Estimates> parts;  // [head or subspace], each mean-ablated by itself
  Estimates none;                // all heads mean-ablated: what needs no attention stays
};

// Of each head, in the order of all_heads().
Retention measure_retention(const CharTransformer& model, const HeadMeans& means, const ExpertWindows& experts,
                            const ExpertRegression& regression, const AfterEvaluation& after_each = {});

// The random-subspace baseline: parts are subspaces of the size of a head (ablate_subspaces() in specialization.h), as
// many as there are heads. `rotations` results, with `whole` and `none` as of `heads`.
std::vector<Retention> subspace_retention(const CharTransformer& model, const HeadMeans& means,
                                          const ExpertWindows& experts, const ExpertRegression& regression,
                                          const Retention& heads, int rotations, std::uint64_t seed,
                                          const AfterEvaluation& after_each = {});

// Specialization index (specialization.h) of max(0, 1 - K), over the experts that need attention.
double retention_index(const Retention& retention, std::span<const Expert> experts);

}  // namespace headlight
