// Specialization: whether different heads matter for different prediction subsets. Statistics of a matrix head x subset
// of loss increases when single heads are ablated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "heads/ablation/ablation.h"
#include "heads/ablation/prediction_subsets.h"
#include "heads/study/progress.h"

namespace headlight {

inline constexpr double kHurts = 0.05;     // nats: ablation hurts on a subset if the loss increase exceeds this
inline constexpr double kMinStake = 0.05;  // nats: subsets where ablating all heads costs less are ignored

using Matrix = std::vector<std::vector<double>>;                    // [head][subset]
using LossIncreaseMatrix = std::vector<std::vector<LossIncrease>>;  // [head][subset]

// Loss increases when parts of one model (heads or subspaces) are ablated one at a time.
struct AblationResult {
  LossIncreaseMatrix increases;            // [part][subset]
  std::vector<LossIncrease> all;           // [subset]: with all heads ablated
  std::vector<std::vector<float>> losses;  // [part][prediction]; empty unless requested
  std::vector<float> all_losses;           // [prediction], with all heads ablated; empty unless requested
};

// The windows, prediction subsets and resamples that ablations are measured with.
struct AblationSetting {
  const HeadWindows& windows;
  std::span<const PredictionSubset> subsets;
  const Bootstrap& bootstrap;
  AfterEvaluation after_each = {};

  std::vector<LossIncrease> increases(std::span<const float> before, std::span<const float> after) const;
};

// Ablates each head by itself, then all heads together. `before` holds the unablated losses.
AblationResult ablate_heads(const HeadedModel& model, const HeadMeans& means, const AblationSetting& setting,
                            std::span<const float> before, Replacement replacement = Replacement::kMean,
                            bool keep_losses = false);
// The random-subspace baseline: rotates each layer's concatenated heads at random, cuts them into as many blocks as
// there are heads, and ablates each block. A block is a random subspace of a head's dimension. Returns `rotations`
// results.
std::vector<AblationResult> ablate_subspaces(const HeadedModel& model, const HeadMeans& means,
                                             const AblationSetting& setting, std::span<const float> before,
                                             int rotations, std::uint64_t seed);

// Damage D = max(0, loss increase) / stake, where the stake of a subset is the loss increase when all heads are
// ablated. 0 where the stake is below kMinStake.
Matrix damage(const AblationResult& result);

// Specialization index: I(head; subset) / min(H(head), H(subset)) of the matrix normalized to sum 1. 0 when all heads
// matter for the subsets in the same proportions or the matrix is zero; 1 when each head matters for one subset and no
// two heads share a subset.
double specialization_index(const Matrix& damage);

// Heads a and b, subsets r and s: ablating a hurts r (the interval of the loss increase lies above kHurts) and not s
// (the interval lies below kHurts); ablating b hurts s and not r. Each pair r < s counts at most once, with the two
// heads of the largest loss increases.
struct DoubleDissociation {
  std::size_t head_a, head_b, subset_r, subset_s;
};
std::vector<DoubleDissociation> double_dissociations(const LossIncreaseMatrix& increases);

}  // namespace headlight
