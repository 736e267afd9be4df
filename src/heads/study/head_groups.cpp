// Formation and ablation of role groups, and their baseline of random sets.
#include "heads/study/head_groups.h"

#include <algorithm>
#include <iterator>

#include "headlight/base/random.h"

namespace headlight {

namespace {

// Copying roles: their keys hold the character to predict.
bool copies(const Role& role) {
  return role.name == "induction" || role.name == "same word" || role.family == "evidence";
}

// As many random heads in each layer as `heads` has.
std::vector<HeadId> random_set(std::span<const HeadId> heads, const HeadedModel& model, Rng& rng) {
  std::vector<HeadId> drawn;
  for (Index layer = 0; layer < model.layers(); ++layer) {
    std::vector<HeadId> left;
    for (Index h = 0; h < model.heads_in(layer); ++h) left.push_back({layer, h});
    auto count = std::count_if(heads.begin(), heads.end(), [&](HeadId id) { return id.layer == layer; });
    for (; count > 0; --count) {
      const auto at = left.begin() + rng.below(static_cast<Index>(left.size()));
      drawn.push_back(*at);
      left.erase(at);
    }
  }
  return drawn;
}

}  // namespace

std::optional<PredictionSubset> decided_by(std::span<const std::size_t> parts, std::span<const Role> roles,
                                           const MeasuredText& text, const RoleMasks& masks) {
  PredictionSubset decided;
  for (const std::size_t part : parts) {
    if (!copies(roles[part])) continue;
    const PredictionSubset more = role_subset(text.windows, masks, part, roles[part].name, text.evidence);
    std::vector<Index> all;
    std::set_union(decided.places.begin(), decided.places.end(), more.places.begin(), more.places.end(),
                   std::back_inserter(all));
    decided.places = std::move(all);
  }
  if (static_cast<Index>(decided.places.size()) < kMinPredictions) return std::nullopt;
  return decided;
}

bool matters(std::span<const LossIncrease> increases) {
  return std::any_of(increases.begin(), increases.end(), [](const LossIncrease& r) { return r.low > kMatters; });
}

std::vector<HeadGroup> measure_groups(const HeadedModel& model, const HeadMeans& means, const AblationSetting& setting,
                                      std::span<const float> before, std::span<const HeadLabel> labels,
                                      const LossIncreaseMatrix& single, std::span<const Role> roles,
                                      const MeasuredText& text, const RoleMasks& masks, std::uint64_t seed,
                                      Progress progress) {
  const std::vector<HeadId> all = all_heads(model);
  std::vector<HeadGroup> groups;
  std::vector<std::size_t> role_of;
  for (std::size_t r = 0; r < roles.size(); ++r) {
    HeadGroup group;
    for (std::size_t h = 0; h < all.size(); ++h) {
      const std::vector<std::size_t>& parts = labels[h].parts;
      if (!labels[h].labelled || std::find(parts.begin(), parts.end(), r) == parts.end()) continue;
      group.heads.push_back(all[h]);
      group.alone += single[h][0].mean;
    }
    if (group.heads.empty()) continue;
    group.role = roles[r].name;
    groups.push_back(std::move(group));
    role_of.push_back(r);
  }
  if (groups.empty()) return groups;
  progress.begin("groups of heads ablated", static_cast<Index>(groups.size()) * (1 + kRandomSets));
  Rng rng(mix64(seed));
  const auto losses_without = [&](const std::vector<HeadId>& heads) {
    std::vector<float> losses = ablated_losses(model, means, setting.windows, heads, Replacement::kMean);
    progress.next();
    return losses;
  };
  const double loss = mean_loss(before);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    HeadGroup& group = groups[g];
    const std::vector<float> after = losses_without(group.heads);
    group.increase = setting.increases(before, after);
    const auto decided = decided_by(std::span(&role_of[g], 1), roles, text, masks);
    group.causal =
        decided ? setting.bootstrap.loss_increase(before, after, *decided, setting.windows.context()).low > kMatters
                : matters(group.increase);
    for (int i = 0; i < kRandomSets; ++i)
      group.random.push_back(mean_loss(losses_without(random_set(group.heads, model, rng))) - loss);
  }
  return groups;
}

}  // namespace headlight
