#include "heads/roles/head_labels.h"

#include <algorithm>

#include "headlight/base/random.h"

namespace headlight {

std::vector<double> untrained_kappas(const TransformerConfig& config, const HeadWindows& windows,
                                     const RoleMasks& masks, int models, const AfterEvaluation& after_each) {
  const KeepGenerator keep;
  std::vector<double> highest;
  for (int m = 1; m <= models; ++m) {
    seed_generator(static_cast<std::uint64_t>(m));
    const CharTransformer untrained(config);
    const HeadScores scores = score_heads(untrained, windows, masks);
    double& most = highest.emplace_back(0);
    for (const HeadId id : all_heads(config))
      for (std::size_t r = 0; r < masks.roles(); ++r)
        if (const RoleScore& s = scores.at(id.layer, id.head, r); s.queries >= kLabelQueries)
          most = std::max(most, s.kappa());
    if (after_each) after_each();
  }
  return highest;
}

HeadLabel best_role(const HeadScores& scores, Index layer, Index head, std::span<const Role> roles,
                    const RoleMasks& masks) {
  const auto kappa = [&](std::size_t r) { return scores.at(layer, head, r).kappa(); };
  const auto measured = [&](std::size_t r) { return scores.at(layer, head, r).queries >= kLabelQueries; };
  // "Local" is for heads whose attention no single offset explains.
  bool single_offset = false;
  for (std::size_t r = 0; r < roles.size(); ++r)
    if ((roles[r].family == "offset" || roles[r].family == "previous") && kappa(r) >= kLabelKappa) single_offset = true;
  const auto allowed = [&](std::size_t r) { return measured(r) && !(single_offset && roles[r].name == "local"); };

  HeadLabel label;
  label.uniform = scores.evenness(layer, head) >= kUniform;
  bool any = false;
  for (std::size_t r = 0; r < roles.size(); ++r) {
    if (!allowed(r) || (any && kappa(r) <= kappa(label.best))) continue;
    label.best = r;
    any = true;
  }
  if (!any || kappa(label.best) < kLabelKappa) {
    label.reason = "kappa";
    return label;
  }
  // The special case that explains as much is the better name. Special cases may have special cases.
  for (std::size_t steps = 0; steps < roles.size(); ++steps) {
    for (std::size_t r = 0; r < roles.size(); ++r) {
      if (!allowed(r) || !masks.special_case(r, label.best) || kappa(r) < kLabelKappa ||
          kappa(r) < kappa(label.best) - kLabelMargin)
        continue;
      label.best = r;
      break;
    }
  }
  for (std::size_t r = 0; r < roles.size(); ++r) {
    const bool related = r == label.best || masks.special_case(r, label.best) || masks.special_case(label.best, r);
    if (!related && allowed(r) && kappa(r) > kappa(label.best) - kLabelMargin) label.reason = "margin";
  }
  label.labelled = label.reason.empty();
  return label;
}

HeadLabel label_head(const HeadScores& whole, std::span<const HeadScores> halves, Index layer, Index head,
                     std::span<const Role> roles, const RoleMasks& masks, double threshold) {
  HeadLabel label = best_role(whole, layer, head, roles, masks);
  if (!label.labelled) return label;
  const RoleScore& score = whole.at(layer, head, label.best);
  if (!(score.kappa() > threshold)) label.reason = "untrained";
  else if (roles[label.best].content && !(score.kappa_content() >= kLabelContent)) label.reason = "content";
  else
    for (const HeadScores& half : halves) {
      const HeadLabel there = best_role(half, layer, head, roles, masks);
      if (!there.labelled || there.best != label.best) label.reason = "halves";
    }
  label.labelled = label.reason.empty();
  return label;
}

}  // namespace headlight
