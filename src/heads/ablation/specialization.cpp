// Ablation of heads and random subspaces, the specialization index, and double dissociations.
#include "heads/ablation/specialization.h"

#include <algorithm>
#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "heads/ablation/block_runs.h"

namespace headlight {

std::vector<LossIncrease> AblationSetting::increases(std::span<const float> before,
                                                     std::span<const float> after) const {
  std::vector<LossIncrease> all;
  for (const PredictionSubset& s : subsets) all.push_back(bootstrap.loss_increase(before, after, s, windows.context()));
  return all;
}

AblationResult ablate_heads(const HeadedModel& model, const HeadMeans& means, const AblationSetting& setting,
                            std::span<const float> before, Replacement replacement, bool keep_losses) {
  AblationResult result;
  const std::vector<HeadId> heads = all_heads(model);
  const HeadWindows windows = ablation_windows(setting.windows, replacement, 1);
  const BlockRuns runs(model, windows);
  for (const HeadId id : heads) {
    const AblateHeads hook(means, {id}, replacement);
    std::vector<float> losses = runs.losses(id.layer);
    result.increases.push_back(setting.increases(before, losses));
    if (keep_losses) result.losses.push_back(std::move(losses));
    if (setting.after_each) setting.after_each();
  }
  std::vector<float> losses = ablated_losses(model, means, setting.windows, heads, replacement);
  result.all = setting.increases(before, losses);
  if (keep_losses) result.all_losses = std::move(losses);
  if (setting.after_each) setting.after_each();
  return result;
}

std::vector<AblationResult> ablate_subspaces(const HeadedModel& model, const HeadMeans& means,
                                             const AblationSetting& setting, std::span<const float> before,
                                             int rotations, std::uint64_t seed) {
  std::vector<AblationResult> results;
  std::vector<LossIncrease> all;
  const BlockRuns runs(model, setting.windows);
  {
    const AblateHeads hook(means, all_heads(model));
    all = setting.increases(before, runs.losses(0));
    if (setting.after_each) setting.after_each();
  }
  Rng rng(mix64(seed));
  for (int r = 0; r < rotations; ++r) {
    AblationResult& result = results.emplace_back();
    result.all = all;
    for (Index layer = 0; layer < model.layers(); ++layer) {
      const Index heads = model.heads_in(layer), size = heads > 0 ? means.overall(layer).size(1) : 0;
      if (heads == 0) continue;
      const Tensor rotation = random_rotation(heads * size, rng);
      for (Index h = 0; h < heads; ++h) {
        const AblateSubspace hook(means, layer, slice(rotation, 1, h * size, (h + 1) * size));
        result.increases.push_back(setting.increases(before, runs.losses(layer)));
        if (setting.after_each) setting.after_each();
      }
    }
  }
  return results;
}

Matrix damage(const AblationResult& result) {
  Matrix d;
  for (const std::vector<LossIncrease>& increases : result.increases) {
    std::vector<double>& row = d.emplace_back();
    for (std::size_t s = 0; s < increases.size(); ++s) {
      const double stake = result.all[s].mean;
      row.push_back(stake >= kMinStake ? std::max(0.0, increases[s].mean) / stake : 0);
    }
  }
  return d;
}

double specialization_index(const Matrix& d) {
  double total = 0;
  std::vector<double> of_head(d.size(), 0.0), of_subset(d.empty() ? 0 : d[0].size(), 0.0);
  for (std::size_t h = 0; h < d.size(); ++h) {
    for (std::size_t s = 0; s < d[h].size(); ++s) {
      total += d[h][s];
      of_head[h] += d[h][s];
      of_subset[s] += d[h][s];
    }
  }
  if (!(total > 0)) return 0;
  const auto entropy = [&](const std::vector<double>& values) {
    double sum = 0;
    for (const double v : values)
      if (v > 0) sum -= v / total * std::log(v / total);
    return sum;
  };
  double information = 0;
  for (std::size_t h = 0; h < d.size(); ++h)
    for (std::size_t s = 0; s < d[h].size(); ++s)
      if (d[h][s] > 0) information += d[h][s] / total * std::log(d[h][s] * total / (of_head[h] * of_subset[s]));
  const double most = std::min(entropy(of_head), entropy(of_subset));
  return most > 1e-12 ? std::clamp(information / most, 0.0, 1.0) : 0;
}

std::vector<DoubleDissociation> double_dissociations(const LossIncreaseMatrix& increases) {
  std::vector<DoubleDissociation> found;
  const std::size_t subsets = increases.empty() ? 0 : increases[0].size();
  // Of the heads whose ablation hurts r and not s, the head with the largest increase on r; increases.size() if none.
  const auto single = [&](std::size_t r, std::size_t s) {
    std::size_t best = increases.size();
    for (std::size_t h = 0; h < increases.size(); ++h) {
      if (!(increases[h][r].low > kHurts && increases[h][s].high < kHurts)) continue;
      if (best == increases.size() || increases[h][r].mean > increases[best][r].mean) best = h;
    }
    return best;
  };
  for (std::size_t r = 0; r < subsets; ++r) {
    for (std::size_t s = r + 1; s < subsets; ++s) {
      const std::size_t a = single(r, s), b = single(s, r);
      if (a < increases.size() && b < increases.size()) found.push_back({a, b, r, s});
    }
  }
  return found;
}

}  // namespace headlight
