// The figures that one seed of a study contributes to the comparison over seeds, and their file, seed-N.json.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "heads/seeds/onset.h"
#include "heads/study/head_study.h"

namespace headlight {

// The values of one prediction subset, one per replicate (ablation/replicates.h). Empty when not measured.
struct SubsetReplicates {
  std::vector<double> strongest, share;
};

// A prediction subset has the same index in `subsets`, Head::increase and `subset_replicates`; subset 0 is "all".
struct SeedFigures {
  struct Subset {
    std::string name;
    double loss = 0, loss_without_heads = 0;  // nats
    // The loss increase when all heads are ablated.
    double stake() const { return loss_without_heads - loss; }
  };
  struct RoleKappa {
    std::string name;
    double kappa = 0;
    Index queries = 0;
  };
  struct Head {
    HeadId id;
    std::string label;         // empty: unlabelled
    std::string closest_role;  // the best role; a mixed label names several
    std::string verdict;
    std::vector<RoleKappa> roles;        // those with queries
    std::vector<LossIncrease> increase;  // [subset], mean-ablation
    // 0 for a role without queries.
    double kappa(const std::string& role_name) const;
  };

  // Heads that share a role, ablated together (study/head_groups.h).
  struct Group {
    std::string role;
    Index heads = 0;
    double increase = 0, alone = 0, random = 0;  // on all predictions; `random` is the mean of the random sets
    bool causal = false;
  };

  std::vector<Subset> subsets;
  std::vector<Head> heads;
  std::vector<Group> groups;
  // On a text with experts, all predictions have the same rule. The specialization index is then over sources
  // (sources/retention.h), without replicates, and there are no dissociations (NaN).
  bool over_sources = false;
  double sources_with_one_head = std::numeric_limits<double>::quiet_NaN();
  double causal_share = std::numeric_limits<double>::quiet_NaN(),
         causal_group_share = std::numeric_limits<double>::quiet_NaN();  // NaN in files of earlier versions
  double specialization = 0, dissociations = 0, prunable = 0, unlabelled_share = 0;
  // Baselines: one value per rotation of random subspaces, untrained model, or random order.
  std::vector<double> specialization_subspaces, specialization_untrained;
  std::vector<double> dissociations_subspaces, dissociations_untrained;
  std::vector<double> prunable_random;
  // One value per replicate; empty when not measured.
  std::vector<double> loss_replicates, above_floor_replicates, specialization_replicates, dissociations_replicates,
      prunable_replicates;
  std::vector<SubsetReplicates> subset_replicates;
  std::optional<PruneStudy> pruning;  // complete curves, when measured

  // The index of a subset; nullopt when the seed does not have the subset.
  std::optional<std::size_t> subset(const std::string& name) const;
};

struct SeedResult {
  Index seed = 0;
  double loss = std::numeric_limits<double>::quiet_NaN();   // of validation, nats; NaN when training diverged
  double floor = std::numeric_limits<double>::quiet_NaN();  // NaN when unknown
  std::string failed;                                       // why this seed does not count; empty: it counts
  std::optional<SeedFigures> figures;                       // none when there was nothing to measure
  std::optional<std::vector<Onset>> onset;                  // of a run whose heads were watched

  bool counts() const { return failed.empty() && figures.has_value(); }
};

// The contents of seed-N.json: {seed, loss, floor, failed, study: to_json(HeadStudy) or null, onset: to_json(Onset) or
// null}; NaN and empty are null.
Json seed_json(const SeedResult& result, const HeadStudy* study);
// Reads a result back. Error: a file of another form.
SeedResult seed_result(const Json& json, const std::string& source);
// The figures in to_json(HeadStudy).
SeedFigures seed_figures(const JsonView& study);

// The results that count, in order.
std::vector<SeedResult> counted_results(std::span<const SeedResult> results);

// NaN if there are no values.
double mean_of(std::span<const double> values);

}  // namespace headlight
