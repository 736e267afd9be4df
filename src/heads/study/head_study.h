// A study of one trained model: what each of its heads looks at, what it does, and how sure that is. Everything else in
// heads/ put together; what `headlight heads` prints and what reports are made from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/json.h"
#include "heads/ablation/head_similarity.h"
#include "heads/ablation/replicates.h"
#include "heads/ablation/specialization.h"
#include "heads/pruning/pruning.h"
#include "heads/roles/head_labels.h"
#include "heads/sources/expert_study.h"
#include "training/run_data.h"

namespace headlight {

// A head matters where the interval of its rise, on some slots, lies above this (nats).
inline constexpr double kMatters = 0.02;
// Slots with fewer predictions are counted in "all" only.
inline constexpr Index kLeastSlots = 20;

struct StudyOptions {
  Index windows = 64;         // of text to measure on
  int untrained = 20;         // models for the nulls of attention labels ...
  int untrained_ablated = 5;  // ... of which so many are ablated too
  int subspaces = 50;         // random subspaces of each layer, rounded up to whole rotations
  int random_orders = 20;
  std::uint64_t seed = 1;
  bool pairs = true;        // redundancy and similarity of all pairs of heads
  bool curves = false;      // whole pruning curves in all orders, not only as far as the prunable fraction needs
  bool replicates = false;  // the headline numbers on resampled windows, for intervals over seeds
  Measuring measuring = {};
};

struct HeadFinding {
  HeadId id;
  HeadLabel label;
  std::vector<RoleScore> scores;  // [role]
  double evenness = 0;
  std::vector<Rise> mean, zero, other;  // [slots]: when ablated, by kind of replacement; `mean` is the primary one
  // Whether the three kinds differ in sign, or three-fold, in what ablation does to the loss over all (and any is 0.01
  // nats or more).
  bool kinds_disagree = false;
  double importance = 0, importance_in_layer = 0;  // of the gate, and divided by the layer's norm
  // On the predictions that its role decides, when it is labelled with a role that copies and there are enough of them.
  std::optional<Rise> on_role;
  std::optional<std::size_t> backup;  // the head whose joint ablation costs the most beyond the two alone
  // causal          labelled, and ablation hurts: on what its role decides, or anywhere for roles that decide nothing
  // attention only  labelled, and it does not
  // sink            looks at the first character, and ablation does not hurt
  // redundant       ablation does not hurt, but hurts together with another head more than the two alone
  // unlabelled      no role; whether ablation hurts or not
  std::string verdict;
};

struct HeadStudy {
  std::string run, text;
  Index windows = 0, predictions = 0;
  std::vector<Role> roles;
  std::vector<Slots> slots;                             // [0] is all predictions
  bool truth_known = false;                             // the other slots are the rules of the text
  std::vector<double> loss, loss_without_heads, floor;  // [slots]; floor is empty where the truth is not known
  double untrained_kappa = 0;                           // the threshold of condition 2
  std::vector<HeadFinding> heads;
  std::vector<std::vector<std::vector<Rise>>> redundancy;  // [a][b][slots] for a < b; empty without pairs
  HeadSimilarity similarity;                               // empty without pairs

  // Headline numbers, and their nulls: one value for each untrained model, rotation, random order.
  double specialization = 0;
  std::vector<double> specialization_untrained, specialization_subspaces;
  std::vector<DoubleDissociation> dissociations;  // heads as indices into `heads`, slots into `slots`
  std::vector<double> dissociations_untrained, dissociations_subspaces;  // how many
  double prunable = 0;  // in greedy order, chosen on the first half of the windows and measured on the second
  std::vector<double> prunable_random;
  PruneStudy pruning;                                // the curves
  std::optional<Replicates> replicates;              // where they were asked for
  std::optional<ExpertStudy> experts;                // where the text has them
  std::vector<AblationResult> subspaces, untrained;  // what the nulls were computed from

  double unlabelled_share() const;
};

// Errors: a text without two whole windows; options.measuring does not want to go on.
HeadStudy study_heads(const CharTransformer& model, const RunData& data, const StudyOptions& options = {});

// All of it, roles by name; the pruning curves where they are whole.
Json to_json(const HeadStudy& study);

}  // namespace headlight
