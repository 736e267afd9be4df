// The study of one trained model: for each head its attention label, its ablations, baselines and a verdict. `headlight
// heads` prints a study, and reports are made from it.
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
#include "heads/study/head_groups.h"
#include "training/run_data.h"

namespace headlight {

struct StudyOptions {
  Index windows = 64;         // of text, at most
  int untrained = 20;         // models of the untrained baseline for attention labels
  int untrained_ablated = 5;  // number of untrained models that are also ablated
  int subspaces = 50;         // random subspaces of each layer, rounded up to whole rotations
  int random_orders = 20;
  std::uint64_t seed = 1;
  bool pairs = true;        // redundancy and similarity of all pairs of heads
  bool curves = false;      // complete pruning curves in all orders, not only up to the prunable fraction
  bool replicates = false;  // the headline numbers on resampled windows, for intervals over seeds
  Progress progress = {};
};

struct HeadFinding {
  HeadId id;
  HeadLabel label;
  std::vector<RoleScore> scores;  // [role]
  double evenness = 0;
  // [subset]: loss increase by mean-ablation (primary), zero-ablation and resample-ablation (`other`).
  std::vector<LossIncrease> mean, zero, other;
  // Whether the three kinds of ablation disagree on the loss increase over all predictions: in sign, or by a factor of
  // 3, with at least one of them 0.01 nats or more.
  bool kinds_disagree = false;
  double importance = 0, importance_in_layer = 0;  // gate gradient; normalized by layer
  // The loss increase on the predictions that the head's role decides. Only for labels of copying roles with at least
  // kMinPredictions such predictions.
  std::optional<LossIncrease> on_role;
  std::optional<std::size_t> backup;  // the head with the largest redundancy with this one
  // causal          labelled; ablation hurts on the predictions that the role decides (on any subset if none)
  // attention only  labelled; ablation does not hurt
  // sink            attends to the first character; ablation does not hurt
  // redundant       ablation alone does not hurt; ablating it with another head costs more than the sum of the two
  // unlabelled      no label, whether or not ablation hurts
  std::string verdict;
};

struct HeadStudy {
  std::string run, text;
  Index windows = 0, predictions = 0;
  std::vector<Role> roles;
  std::vector<PredictionSubset> subsets;                // subset 0 is all predictions
  bool truth_known = false;                             // then the other subsets are the text's rules
  std::vector<double> loss, loss_without_heads, floor;  // [subset]; floor is empty when the truth is unknown
  double untrained_kappa = 0;                           // the threshold of condition 2 (head_labels.h)
  std::vector<HeadFinding> heads;
  std::vector<std::vector<std::vector<LossIncrease>>> redundancy;  // [a][b][subset] for a < b; empty without pairs
  HeadSimilarity similarity;                                       // empty without pairs
  std::vector<HeadGroup> groups;                                   // heads that share a role, ablated together

  // Headline numbers and their baselines: one value per untrained model, rotation or random order.
  double specialization = 0;
  std::vector<double> specialization_untrained, specialization_subspaces;
  std::vector<DoubleDissociation> dissociations;                         // indices into `heads` and `subsets`
  std::vector<double> dissociations_untrained, dissociations_subspaces;  // counts
  double prunable = 0;  // greedy order, chosen on the first half of the windows, measured on the second
  std::vector<double> prunable_random;
  PruneStudy pruning;                                // the curves
  std::optional<Replicates> replicates;              // if requested
  std::optional<ExpertStudy> experts;                // if the text has experts
  std::vector<AblationResult> subspaces, untrained;  // ablations behind the baselines

  double unlabelled_share() const;
  // The share of heads with the verdict "causal", and of heads in a causal group.
  double causal_share() const;
  double causal_group_share() const;
};

// Errors: a text without two whole windows; interruption by options.progress (InterruptedError).
HeadStudy study_heads(const HeadedModel& model, const RunData& data, const StudyOptions& options = {});

// The whole study, with roles by name. Includes pruning curves only if they are complete.
Json to_json(const HeadStudy& study);

}  // namespace headlight
