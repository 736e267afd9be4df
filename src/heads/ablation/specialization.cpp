// Ablation of heads and random subspaces, the specialization index, and double dissociations.
#include "heads/ablation/specialization.h"

#include <algorithm>
#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "heads/ablation/block_runs.h"

namespace headlight {

std::vector<Rise> AblationSetting::rises(std::span<const float> before, std::span<const float> after) const {
  std::vector<Rise> all;
  for (const Slots& s : slots) all.push_back(bootstrap.rise(before, after, s, windows.context()));
  return all;
}

AblationResult ablate_heads(const TransformerLM& model, const HeadMeans& means, const AblationSetting& setting,
                            std::span<const float> before, Replacement replacement, bool keep_losses) {
  AblationResult result;
  const std::vector<HeadId> heads = all_heads(model.config());
  const HeadWindows windows = ablation_windows(setting.windows, replacement, 1);
  const BlockRuns runs(model, windows);
  for (const HeadId id : heads) {
    const AblateHeads probe(means, {id}, replacement);
    std::vector<float> losses = runs.losses(id.layer);
    result.rises.push_back(setting.rises(before, losses));
    if (keep_losses) result.losses.push_back(std::move(losses));
    if (setting.after_each) setting.after_each();
  }
  std::vector<float> losses = ablated_losses(model, means, setting.windows, heads, replacement);
  result.all = setting.rises(before, losses);
  if (keep_losses) result.all_losses = std::move(losses);
  if (setting.after_each) setting.after_each();
  return result;
}

std::vector<AblationResult> ablate_subspaces(const TransformerLM& model, const HeadMeans& means,
                                             const AblationSetting& setting, std::span<const float> before,
                                             int rotations, std::uint64_t seed) {
  const TransformerConfig& config = model.config();
  std::vector<AblationResult> results;
  std::vector<Rise> all;
  const BlockRuns runs(model, setting.windows);
  {
    const AblateHeads probe(means, all_heads(config));
    all = setting.rises(before, runs.losses(0));
    if (setting.after_each) setting.after_each();
  }
  Rng rng(mix64(seed));
  for (int r = 0; r < rotations; ++r) {
    AblationResult& result = results.emplace_back();
    result.all = all;
    for (Index layer = 0; layer < config.layers; ++layer) {
      const Index heads = config.heads_in(layer), size = config.size_of_heads();
      if (heads == 0) continue;
      const Tensor rotation = random_rotation(heads * size, rng);
      for (Index h = 0; h < heads; ++h) {
        const AblateSubspace probe(means, layer, slice(rotation, 1, h * size, (h + 1) * size));
        result.rises.push_back(setting.rises(before, runs.losses(layer)));
        if (setting.after_each) setting.after_each();
      }
    }
  }
  return results;
}

Matrix damage(const AblationResult& result) {
  Matrix d;
  for (const std::vector<Rise>& rises : result.rises) {
    std::vector<double>& row = d.emplace_back();
    for (std::size_t s = 0; s < rises.size(); ++s) {
      const double stake = result.all[s].mean;
      row.push_back(stake >= kLeastStake ? std::max(0.0, rises[s].mean) / stake : 0);
    }
  }
  return d;
}

double specialization_index(const Matrix& d) {
  double total = 0;
  std::vector<double> of_head(d.size(), 0.0), of_slots(d.empty() ? 0 : d[0].size(), 0.0);
  for (std::size_t h = 0; h < d.size(); ++h) {
    for (std::size_t s = 0; s < d[h].size(); ++s) {
      total += d[h][s];
      of_head[h] += d[h][s];
      of_slots[s] += d[h][s];
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
      if (d[h][s] > 0) information += d[h][s] / total * std::log(d[h][s] * total / (of_head[h] * of_slots[s]));
  const double most = std::min(entropy(of_head), entropy(of_slots));
  return most > 1e-12 ? std::clamp(information / most, 0.0, 1.0) : 0;
}

std::vector<DoubleDissociation> double_dissociations(const RiseMatrix& rises) {
  std::vector<DoubleDissociation> found;
  const std::size_t slots = rises.empty() ? 0 : rises[0].size();
  // Of the heads whose ablation hurts r and not s, the head with the largest increase on r; rises.size() if none.
  const auto single = [&](std::size_t r, std::size_t s) {
    std::size_t best = rises.size();
    for (std::size_t h = 0; h < rises.size(); ++h) {
      if (!(rises[h][r].low > kHurts && rises[h][s].high < kHurts)) continue;
      if (best == rises.size() || rises[h][r].mean > rises[best][r].mean) best = h;
    }
    return best;
  };
  for (std::size_t r = 0; r < slots; ++r) {
    for (std::size_t s = r + 1; s < slots; ++s) {
      const std::size_t a = single(r, s), b = single(s, r);
      if (a < rises.size() && b < rises.size()) found.push_back({a, b, r, s});
    }
  }
  return found;
}

}  // namespace headlight
