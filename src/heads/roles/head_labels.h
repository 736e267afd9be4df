// The attention label of a head: the role that its attention plays, if four conditions hold.
//   1. kappa of the role is at least 0.4, and higher by 0.1 than that of any role that is neither the same by another name
//      nor a special or a general case of it (role_masks.h). Of roles that are the same, the first that goes by position
//      gives the name, or else the first. A head that reaches 0.4 on two or three roles without that margin is mixed and
//      has all their names;
//   2. above the 99th percentile, over untrained models of the same shape, of the highest kappa that any of their heads
//      has for any role;
//   3. for roles of content, kappa_c is at least 0.2;
//   4. both halves of the text give the same roles under condition 1.
// Conditions 2 and 3 hold for each role of a mixed head. Otherwise the head is unlabelled, and the first condition that
// failed is kept.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heads/roles/head_scores.h"
#include "heads/study/measuring.h"

namespace headlight {

inline constexpr double kLabelKappa = 0.4, kLabelMargin = 0.1, kLabelContent = 0.2, kLabelPercentile = 0.99;
inline constexpr std::size_t kMostMixed = 3;  // with more roles than these a head has no label
inline constexpr Index kLabelQueries = 20;    // a role with fewer queries in the text is not considered
inline constexpr double kUniform = 0.9;       // evenness from which on a head is called uniform

// What the heads of untrained models score: of each model the highest kappa of any head for any role (of those with
// kLabelQueries queries). Models freshly initialised from seeds 1, 2, ...; generator() is left as it was. One evaluation is
// that of one model.
std::vector<double> untrained_kappas(const TransformerConfig& config, const HeadWindows& windows,
                                     const RoleMasks& masks, int models = 20, const AfterEvaluation& after_each = {});

struct HeadLabel {
  std::size_t best = 0;            // the role that comes closest
  std::vector<std::size_t> parts;  // the roles of the label, ascending: several for a mixed head; empty when unlabelled
  bool labelled = false;
  std::string reason;    // why it is not: "kappa", "margin", "untrained", "content" or "halves"; empty when labelled
  bool uniform = false;  // attention is even over all keys: the state that training starts from, so never a label
  bool mixed() const { return parts.size() > 1; }
  // "previous", "mixed: previous + first", or "" for none.
  std::string name(std::span<const Role> roles) const;
};

// The roles that condition 1 gives, or the closest with the reason why not.
HeadLabel best_role(const HeadScores& scores, Index layer, Index head, std::span<const Role> roles,
                    const RoleMasks& masks);
// All four conditions; `threshold` is that of the second.
HeadLabel label_head(const HeadScores& whole, std::span<const HeadScores> halves, Index layer, Index head,
                     std::span<const Role> roles, const RoleMasks& masks, double threshold);

}  // namespace headlight
