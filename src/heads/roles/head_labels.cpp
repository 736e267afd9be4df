// The untrained baseline, and the choice of labels from scores and conditions.
#include "heads/roles/head_labels.h"

#include <algorithm>
#include <utility>

#include "headlight/base/random.h"

namespace headlight {

std::vector<double> untrained_kappas(const HeadedModel& model, const HeadWindows& windows, const RoleMasks& masks,
                                     int models, const AfterEvaluation& after_each) {
  const GeneratorGuard keep;
  std::vector<double> highest;
  for (int m = 1; m <= models; ++m) {
    seed_generator(static_cast<std::uint64_t>(m));
    const HeadScores scores = score_heads(*model.untrained(), windows, masks);
    double& most = highest.emplace_back(0);
    for (const HeadId id : all_heads(model))
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
  // "local" applies only to heads whose attention no single offset explains.
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
  const auto reaches = [&](std::size_t r, double least) {
    return allowed(r) && kappa(r) >= kLabelKappa && kappa(r) >= least - kLabelMargin;
  };
  // Descend to the most special role with as high a kappa, because its name is the most precise. Among alike roles,
  // prefer a positional role, then the first.
  const auto named = [&](std::size_t role) {
    for (std::size_t steps = 0; steps < roles.size(); ++steps) {
      for (std::size_t r = 0; r < roles.size(); ++r) {
        if (!masks.special_case(r, role) || !reaches(r, kappa(role))) continue;
        role = r;
        break;
      }
    }
    std::size_t simplest = role;
    for (std::size_t r = 0; r < roles.size(); ++r)
      if (masks.alike(r, role) && reaches(r, kappa(role)) &&
          std::pair(roles[r].content, r) < std::pair(roles[simplest].content, simplest))
        simplest = r;
    return simplest;
  };
  label.best = named(label.best);
  label.parts = {label.best};
  const auto related = [&](std::size_t a, std::size_t b) {
    return a == b || masks.alike(a, b) || masks.special_case(a, b) || masks.special_case(b, a);
  };
  std::vector<std::size_t> rivals;
  for (std::size_t r = 0; r < roles.size(); ++r)
    if (allowed(r) && kappa(r) > kappa(label.best) - kLabelMargin) rivals.push_back(r);
  std::stable_sort(rivals.begin(), rivals.end(), [&](std::size_t a, std::size_t b) { return kappa(a) > kappa(b); });
  for (const std::size_t rival : rivals) {
    const auto known = [&](std::size_t r) {
      return std::any_of(label.parts.begin(), label.parts.end(), [&](std::size_t part) { return related(part, r); });
    };
    const std::size_t name = named(rival);
    if (known(rival) || known(name)) continue;
    label.parts.push_back(name);
    if (kappa(name) < kLabelKappa || label.parts.size() > kMaxMixed) label.reason = "margin";
  }
  if (!label.reason.empty()) label.parts.clear();
  std::sort(label.parts.begin(), label.parts.end());
  label.labelled = label.reason.empty();
  return label;
}

std::string HeadLabel::name(std::span<const Role> roles) const {
  std::string all;
  for (const std::size_t part : parts) all += cat(all.empty() ? "" : " + ", roles[part].name);
  return mixed() ? cat("mixed: ", all) : all;
}

HeadLabel label_head(const HeadScores& whole, std::span<const HeadScores> halves, Index layer, Index head,
                     std::span<const Role> roles, const RoleMasks& masks, double threshold) {
  HeadLabel label = best_role(whole, layer, head, roles, masks);
  if (!label.labelled) return label;
  for (const std::size_t part : label.parts) {
    const RoleScore& score = whole.at(layer, head, part);
    if (!(score.kappa() > threshold)) label.reason = "untrained";
    else if (roles[part].content && !(score.kappa_content() >= kLabelContent)) label.reason = "content";
  }
  if (label.reason.empty())
    for (const HeadScores& half : halves)
      if (best_role(half, layer, head, roles, masks).parts != label.parts) label.reason = "halves";
  if (!label.reason.empty()) label.parts.clear();
  label.labelled = label.reason.empty();
  return label;
}

}  // namespace headlight
