// Expert coefficients under ablation of heads and random subspaces, and the specialization index of the retention lost.
#include "heads/sources/retention.h"

#include <algorithm>

#include "headlight/ops/ops.h"

namespace headlight {

Retention measure_retention(const HeadedModel& model, const HeadMeans& means, const ExpertWindows& experts,
                            const ExpertRegression& regression, const AfterEvaluation& after_each) {
  const auto fit = [&] {
    Estimates k = regression.fit(symbol_logits(model, experts));
    if (after_each) after_each();
    return k;
  };
  Retention retention;
  retention.whole = fit();
  const std::vector<HeadId> heads = all_heads(model);
  for (const HeadId id : heads) {
    const AblateHeads hook(means, {id});
    retention.parts.push_back(fit());
  }
  const AblateHeads hook(means, heads);
  retention.none = fit();
  return retention;
}

std::vector<Retention> subspace_retention(const HeadedModel& model, const HeadMeans& means,
                                          const ExpertWindows& experts, const ExpertRegression& regression,
                                          const Retention& of_heads, int rotations, std::uint64_t seed,
                                          const AfterEvaluation& after_each) {
  std::vector<Retention> results;
  Rng rng(mix64(seed));
  for (int r = 0; r < rotations; ++r) {
    Retention& result = results.emplace_back();
    result.whole = of_heads.whole;
    result.none = of_heads.none;
    for (Index layer = 0; layer < model.layers(); ++layer) {
      const Index heads = model.heads_in(layer), size = heads > 0 ? means.overall(layer).size(1) : 0;
      if (heads == 0) continue;
      const Tensor rotation = random_rotation(heads * size, rng);
      for (Index h = 0; h < heads; ++h) {
        const AblateSubspace hook(means, layer, slice(rotation, 1, h * size, (h + 1) * size));
        result.parts.push_back(regression.fit(symbol_logits(model, experts)));
        if (after_each) after_each();
      }
    }
  }
  return results;
}

double retention_index(const Retention& retention, std::span<const Expert> experts) {
  Matrix lost;
  for (const Estimates& k : retention.parts) {
    std::vector<double>& row = lost.emplace_back();
    for (std::size_t e = 0; e < experts.size(); ++e)
      if (experts[e].needs_attention) row.push_back(std::max(0.0, 1 - k[e].mean));
  }
  return specialization_index(lost);
}

}  // namespace headlight
