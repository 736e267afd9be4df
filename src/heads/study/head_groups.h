// Role groups: the heads that share a role in their labels, ablated together. Heads that back each other up cost little
// one at a time, so the effect of their role shows only when the whole group is ablated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heads/ablation/specialization.h"
#include "heads/roles/head_labels.h"
#include "heads/roles/measured_text.h"

namespace headlight {

// A head or group matters on a prediction subset when the interval of its loss increase there lies above this value, in
// nats.
inline constexpr double kMatters = 0.02;
// Subsets with fewer predictions are not measured separately; their predictions still count in "all".
inline constexpr Index kMinPredictions = 20;
inline constexpr int kRandomSets = 20;

// A head with a mixed label is in the group of each of its roles.
struct HeadGroup {
  std::string role;
  std::vector<HeadId> heads;
  std::vector<LossIncrease> increase;  // [subset]: all of its heads mean-ablated
  double alone = 0;                    // on all predictions: the sum over its heads, each ablated by itself
  // On all predictions: the baseline, kRandomSets random sets with as many heads in each layer. A set may equal
  // the group.
  std::vector<double> random;
  // The group matters on the predictions that its role decides (on any subset if none).
  bool causal = false;
};

// The predictions that the copying roles among `parts` decide; none if there are fewer than kMinPredictions.
std::optional<PredictionSubset> decided_by(std::span<const std::size_t> parts, std::span<const Role> roles,
                                           const MeasuredText& text, const RoleMasks& masks);
bool matters(std::span<const LossIncrease> increases);

// The role groups, in the order of the roles. `labels` and `single` have one entry per head of all_heads(): its label,
// and its loss increases when ablated by itself. `before` holds the unablated losses.
std::vector<HeadGroup> measure_groups(const HeadedModel& model, const HeadMeans& means, const AblationSetting& setting,
                                      std::span<const float> before, std::span<const HeadLabel> labels,
                                      const LossIncreaseMatrix& single, std::span<const Role> roles,
                                      const MeasuredText& text, const RoleMasks& masks, std::uint64_t seed,
                                      Progress progress);

}  // namespace headlight
