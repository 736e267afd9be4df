// The headline numbers of one model on other samples of the text: each replicate draws as many windows as there are, with
// replacement, and computes the numbers anew. Their spread is what the choice of windows does to a number; how seeds differ
// is another matter (heads/seeds).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "formats/json.h"
#include "heads/ablation/specialization.h"

namespace headlight {

inline constexpr int kReplicates = 200;

// One value a replicate, throughout.
struct Replicates {
  std::vector<double> loss;
  std::vector<double> above_floor;  // the loss less the lowest possible on the same windows; empty where not known
  std::vector<double> specialization;
  // Double dissociations, with intervals of mean +- 1.96 standard errors of the replicate's windows: a bootstrap within
  // each replicate would say much the same and take a thousand times as long.
  std::vector<double> dissociations;
  std::vector<double> prunable;                       // the share of heads; the order stays
  std::vector<std::vector<double>> strongest, share;  // [slots]: see below
};

// Of heads ablated one at a time (`by_head` with its losses), slots[0] being all predictions. `truth`: the logarithm of each
// prediction's true probability, or empty. strongest: the rise on the slots when the head is ablated that costs most there
// in the whole sample; share: that, divided by what ablating all heads costs; not a number where that is below kLeastStake.
// The replicates are the first kReplicates resamples of the setting's bootstrap.
Replicates headline_replicates(const AblationSetting& setting, std::span<const float> before,
                               const AblationResult& by_head, std::span<const double> truth);

// The prunable fraction in each replicate: losses[n] are those of each prediction with n heads removed.
std::vector<double> prunable_replicates(const std::vector<std::vector<float>>& losses, Index context, std::size_t heads,
                                        const Bootstrap& bootstrap);

// {loss, above_floor, specialization, double_dissociations, prunable_fraction, slots: {name: {strongest, share}}}, numbers
// to six digits.
Json to_json(const Replicates& replicates, std::span<const Slots> slots);

}  // namespace headlight
