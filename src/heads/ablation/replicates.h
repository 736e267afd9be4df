// Bootstrap replicates of one model's headline numbers: each replicate resamples the windows with replacement and
// computes the numbers again. Their spread shows how the choice of windows affects a number. Variation between seeds is
// measured separately (heads/seeds).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "formats/json.h"
#include "heads/ablation/specialization.h"

namespace headlight {

inline constexpr int kReplicates = 200;

// Every list has one value per replicate.
struct Replicates {
  std::vector<double> loss;
  std::vector<double> above_floor;  // loss minus the entropy floor of the same windows; empty when unknown
  std::vector<double> specialization;
  // Number of double dissociations. Their intervals are the mean +- 1.96 standard errors over the replicate's windows:
  // a bootstrap within each replicate would give nearly the same intervals and take about 1,000 times as long.
  std::vector<double> dissociations;
  std::vector<double> prunable;                       // share of heads; the pruning order is the same in all
  std::vector<std::vector<double>> strongest, share;  // [subset]: see headline_replicates()
};

// `by_head` holds the ablations of single heads, with losses; subset 0 is all predictions. `truth` is the log of each
// prediction's true probability, or empty. `strongest` is the loss increase on a subset when the head with the largest
// increase in the full sample is ablated. `share` is `strongest` divided by the loss increase when all heads are
// ablated; NaN when the divisor is below kMinStake. Uses the first kReplicates resamples of the setting's
// bootstrap.
Replicates headline_replicates(const AblationSetting& setting, std::span<const float> before,
                               const AblationResult& by_head, std::span<const double> truth);

// The prunable fraction in each replicate. losses[n] holds the loss of each prediction with n heads removed.
std::vector<double> prunable_replicates(const std::vector<std::vector<float>>& losses, Index context, std::size_t heads,
                                        const Bootstrap& bootstrap);

// {loss, above_floor, specialization, double_dissociations, prunable_fraction, subsets: {name: {strongest, share}}}.
// Numbers are rounded to six significant digits.
Json to_json(const Replicates& replicates, std::span<const PredictionSubset> subsets);

}  // namespace headlight
