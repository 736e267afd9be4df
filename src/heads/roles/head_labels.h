// The attention label of a head: the role that its attention plays, if four conditions hold.
//   1. The role's kappa is at least 0.4 and exceeds the kappa of every unrelated role by at least 0.1. Two roles are
//      related if they are alike (have nearly the same keys) or one is a special case of the other (role_masks.h).
//      Among alike roles, the first positional role gives the label, or the first role if none is positional. A head
//      that reaches 0.4 on two or three unrelated roles without the margin is mixed and carries all their names.
//   2. The role's kappa exceeds the 99th percentile of the untrained baseline. The baseline has one value per untrained
//      model of the same shape: the highest kappa of any head for any role.
//   3. For content roles, kappa_c is at least 0.2.
//   4. Both halves of the text give the same roles under condition 1.
// Conditions 2 and 3 must hold for every role of a mixed head. If a condition fails, the head is unlabelled, and the
// first failed condition is recorded.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heads/roles/head_scores.h"
#include "heads/study/progress.h"

namespace headlight {

inline constexpr double kLabelKappa = 0.4, kLabelMargin = 0.1, kLabelContent = 0.2, kLabelPercentile = 0.99;
inline constexpr std::size_t kMaxMixed = 3;  // a head with more roles than this is unlabelled
inline constexpr Index kLabelQueries = 20;   // roles with fewer queries in the text are ignored
inline constexpr double kUniform = 0.9;      // a head with at least this evenness is called uniform

// The untrained baseline: for each of `models` newly initialized models, the highest kappa of any head for any role
// with at least kLabelQueries queries. Models use seeds 1, 2, ...; generator() is not changed. Calls after_each once
// per model.
std::vector<double> untrained_kappas(const HeadedModel& model, const HeadWindows& windows, const RoleMasks& masks,
                                     int models = 20, const AfterEvaluation& after_each = {});

struct HeadLabel {
  std::size_t best = 0;            // the closest role
  std::vector<std::size_t> parts;  // roles of the label, ascending; several for a mixed head, none if unlabelled
  bool labelled = false;
  std::string reason;    // failed condition: "kappa", "margin", "untrained", "content", "halves"; empty if labelled
  bool uniform = false;  // attention is nearly uniform; not a label, because training starts from this state
  bool mixed() const { return parts.size() > 1; }
  // "previous", "mixed: previous + first", or "" if unlabelled.
  std::string name(std::span<const Role> roles) const;
};

// The label under condition 1 alone; if it fails, the closest role and the reason.
HeadLabel best_role(const HeadScores& scores, Index layer, Index head, std::span<const Role> roles,
                    const RoleMasks& masks);
// The label under all four conditions. `threshold` is the threshold of condition 2.
HeadLabel label_head(const HeadScores& whole, std::span<const HeadScores> halves, Index layer, Index head,
                     std::span<const Role> roles, const RoleMasks& masks, double threshold);

}  // namespace headlight
