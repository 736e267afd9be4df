// Specialization: do heads matter for different things? Figures over a matrix head x slots of what ablating each head costs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "heads/ablation/ablation.h"
#include "heads/ablation/slots.h"
#include "heads/study/measuring.h"

namespace headlight {

inline constexpr double kHurts = 0.05;  // nats: less than this on some slots does not hurt there
inline constexpr double kLeastStake =
    0.05;  // slots where ablating all heads costs less are none of the heads' business

using Matrix = std::vector<std::vector<double>>;    // [head][slots]
using RiseMatrix = std::vector<std::vector<Rise>>;  // [head][slots]

// What was measured on one model by ablating parts of it one at a time, heads or otherwise.
struct AblationResult {
  RiseMatrix rises;                        // [part][slots]
  std::vector<Rise> all;                   // [slots]: with all heads ablated
  std::vector<std::vector<float>> losses;  // [part]: of each prediction, where they were asked for
  std::vector<float> all_losses;           // with all heads ablated, likewise
};

// Where and how ablations are measured.
struct AblationSetting {
  const HeadWindows& windows;
  std::span<const Slots> slots;
  const Bootstrap& bootstrap;
  AfterEvaluation after_each = {};

  std::vector<Rise> rises(std::span<const float> before, std::span<const float> after) const;
};

// Ablates each head by itself, and all together.
AblationResult ablate_heads(const CharTransformer& model, const HeadMeans& means, const AblationSetting& setting,
                            std::span<const float> before, Replacement replacement = Replacement::kMean,
                            bool keep_losses = false);
// The control: each layer's concatenated heads are rotated at random and cut into as many blocks as there are heads, and
// those are ablated. Each block is a random subspace of the size of a head. `rotations` results.
std::vector<AblationResult> ablate_subspaces(const CharTransformer& model, const HeadMeans& means,
                                             const AblationSetting& setting, std::span<const float> before,
                                             int rotations, std::uint64_t seed);

// D = max(0, rise) / stake, the stake being what ablating all heads costs there. 0 where the stake is below kLeastStake.
Matrix damage(const AblationResult& result);

// Specialization index: I(head; slots) / min(H(head), H(slots)) of the matrix normalised to sum 1. 0 when all heads matter
// for all slots in the same proportions (and for nothing at all), 1 when each has its own.
double specialization_index(const Matrix& damage);

// Heads a and b, slots r and s: ablating a hurts r (the interval lies above kHurts) and not s (below), ablating b the other
// way round. At most one for each pair r < s: the one with the largest rises.
struct DoubleDissociation {
  std::size_t head_a, head_b, slots_r, slots_s;
};
std::vector<DoubleDissociation> double_dissociations(const RiseMatrix& rises);

}  // namespace headlight
