// The attention label of a head: the role that its attention plays, if four conditions hold.
//   1. kappa of the role is at least 0.4, and higher by 0.1 than that of any role that is not a special or a general case
//      of it (role_masks.h);
//   2. above the 99th percentile, over untrained models of the same shape, of the highest kappa that any of their heads
//      has for any role;
//   3. for roles of content, kappa_c is at least 0.2;
//   4. both halves of the text give the same role under condition 1.
// Otherwise the head is unlabelled, and the first condition that failed is kept.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "headlight/heads/head_scores.h"
#include "headlight/heads/measuring.h"

namespace headlight {

inline constexpr double kLabelKappa = 0.4, kLabelMargin = 0.1, kLabelContent = 0.2, kLabelPercentile = 0.99;
inline constexpr Index kLabelQueries = 20;  // a role with fewer queries in the text is not considered
inline constexpr double kUniform = 0.9;     // evenness from which on a head is called uniform

// What the heads of untrained models score: of each model the highest kappa of any head for any role (of those with
// kLabelQueries queries). Models freshly initialised from seeds 1, 2, ...; generator() is left as it was. One evaluation is
// that of one model.
std::vector<double> untrained_kappas(const TransformerConfig& config, const HeadWindows& windows,
                                     const RoleMasks& masks, int models = 20, const AfterEvaluation& after_each = {});

struct HeadLabel {
  std::size_t best = 0;  // the role that comes closest
  bool labelled = false;
  std::string reason;    // why it is not: "kappa", "margin", "untrained", "content" or "halves"; empty when labelled
  bool uniform = false;  // attention is even over all keys: the state that training starts from, so never a label
  // The name of the role, or "" for none.
  std::string name(std::span<const Role> roles) const { return labelled ? roles[best].name : ""; }
};

// The role that condition 1 gives, or the closest with the reason why not.
HeadLabel best_role(const HeadScores& scores, Index layer, Index head, std::span<const Role> roles,
                    const RoleMasks& masks);
// All four conditions; `threshold` is that of the second.
HeadLabel label_head(const HeadScores& whole, std::span<const HeadScores> halves, Index layer, Index head,
                     std::span<const Role> roles, const RoleMasks& masks, double threshold);

}  // namespace headlight
