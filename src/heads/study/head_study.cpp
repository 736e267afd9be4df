// The measurements of a study in order: labels, ablations, baselines, pairs, pruning, verdicts.
#include "heads/study/head_study.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "headlight/base/error.h"
#include "heads/ablation/block_runs.h"
#include "heads/ablation/head_gates.h"
#include "heads/ablation/interval.h"
#include "heads/roles/measured_text.h"

namespace headlight {

namespace {

// Drops the subset "all", which is not a rule: the specialization index compares rules.
AblationResult by_rule(AblationResult result) {
  for (std::vector<LossIncrease>& row : result.increases) row.erase(row.begin());
  result.all.erase(result.all.begin());
  return result;
}

double index_of(const AblationResult& result) { return specialization_index(damage(by_rule(result))); }

std::vector<DoubleDissociation> dissociations_of(const AblationResult& result) {
  std::vector<DoubleDissociation> found = double_dissociations(by_rule(result).increases);
  for (DoubleDissociation& d : found) ++d.subset_r, ++d.subset_s;
  return found;
}

bool kinds_disagree(double mean, double zero, double other) {
  constexpr double kWorthIt = 0.01, kTimes = 3;
  const auto [low, high] = std::minmax({mean, zero, other});
  if (std::max(std::abs(low), std::abs(high)) < kWorthIt) return false;
  if (low < 0) return high > 0 || low < kTimes * high;
  return high > kTimes * low;
}

std::string verdict_of(const HeadFinding& head, std::span<const Role> roles) {
  const bool hurts = matters(head.mean);
  if (head.label.labelled) {
    if (head.on_role ? head.on_role->low > kMatters : hurts) return "causal";
    if (!hurts && head.backup) return "redundant";
    return head.label.name(roles) == "first" && !hurts ? "sink" : "attention only";
  }
  return !hurts && head.backup ? "redundant" : "unlabelled";
}

void measure_pairs(HeadStudy& study, const HeadedModel& model, const HeadMeans& means, const AblationSetting& setting,
                   std::span<const float> before, std::span<const std::vector<float>> alone, Progress& progress) {
  const std::size_t n = study.heads.size();
  progress.begin("pairs of heads ablated", static_cast<Index>(n * (n - 1) / 2));
  study.redundancy.assign(n, std::vector<std::vector<LossIncrease>>(n));
  std::vector<double> strongest(n, kMatters);
  const BlockRuns whole(model, setting.windows);
  for (std::size_t a = 0; a < n; ++a) {
    // Reuse one run with head a ablated for every b > a, because b is in the same layer or a later one.
    BlockRuns runs = whole;
    {
      const AblateHeads hook(means, {study.heads[a].id});
      runs.keep(study.heads[a].id.layer);
    }
    for (std::size_t b = a + 1; b < n; ++b) {
      std::vector<float> both;
      {
        const AblateHeads hook(means, {study.heads[a].id, study.heads[b].id});
        both = runs.losses(study.heads[b].id.layer);
      }
      std::vector<float> expected(before.size());
      for (std::size_t i = 0; i < before.size(); ++i) expected[i] = alone[a][i] + alone[b][i] - before[i];
      study.redundancy[a][b] = setting.increases(expected, both);
      for (const LossIncrease& r : study.redundancy[a][b]) {
        if (r.low > strongest[a]) strongest[a] = r.low, study.heads[a].backup = b;
        if (r.low > strongest[b]) strongest[b] = r.low, study.heads[b].backup = a;
      }
      progress.next();
    }
  }
  study.similarity = similarity(model, setting.windows.half(0));
}

void measure_baselines(HeadStudy& study, const HeadedModel& model, const HeadMeans& means,
                       const AblationSetting& setting, std::span<const float> before, const StudyOptions& options,
                       Progress& progress) {
  const Index most = std::max<Index>(1, HeadCounts(model).most());
  const int rotations =
      options.subspaces <= 0 ? 0 : (options.subspaces + static_cast<int>(most) - 1) / static_cast<int>(most);
  const auto heads = static_cast<Index>(study.heads.size());
  progress.begin("random subspaces ablated", 1 + rotations * heads);
  study.subspaces = ablate_subspaces(model, means, setting, before, rotations, options.seed);
  progress.begin("heads of untrained models ablated", options.untrained_ablated * (heads + 1));
  const GeneratorGuard keep;
  for (int m = 1; m <= options.untrained_ablated; ++m) {
    seed_generator(static_cast<std::uint64_t>(m));
    const std::unique_ptr<HeadedModel> untrained = model.untrained();
    const HeadMeans its_means(*untrained, setting.windows);
    study.untrained.push_back(ablate_heads(*untrained, its_means, setting, token_losses(*untrained, setting.windows)));
  }
  for (const AblationResult& result : study.subspaces) {
    study.specialization_subspaces.push_back(index_of(result));
    study.dissociations_subspaces.push_back(static_cast<double>(dissociations_of(result).size()));
  }
  for (const AblationResult& result : study.untrained) {
    study.specialization_untrained.push_back(index_of(result));
    study.dissociations_untrained.push_back(static_cast<double>(dissociations_of(result).size()));
  }
}

void measure_pruning(HeadStudy& study, const HeadedModel& model, const HeadWindows& windows,
                     const StudyOptions& options, const Progress& progress) {
  study.pruning = study_pruning(model, windows, options.random_orders, options.seed, options.curves, progress);
  study.prunable = study.pruning.prunable;
  study.prunable_random = study.pruning.prunable_random;
  if (!study.replicates) return;
  const HeadWindows second = windows.half(1);
  const Bootstrap bootstrap(second.size(), options.seed, kReplicates);
  study.replicates->prunable =
      prunable_replicates(study.pruning.greedy_losses, second.context(), study.heads.size(), bootstrap);
}

}  // namespace

double HeadStudy::unlabelled_share() const {
  if (heads.empty()) return 0;
  const auto none = std::count_if(heads.begin(), heads.end(), [](const HeadFinding& h) { return !h.label.labelled; });
  return static_cast<double>(none) / static_cast<double>(heads.size());
}

double HeadStudy::causal_share() const {
  if (heads.empty()) return 0;
  const auto causal = std::count_if(heads.begin(), heads.end(), [](const auto& h) { return h.verdict == "causal"; });
  return static_cast<double>(causal) / static_cast<double>(heads.size());
}

double HeadStudy::causal_group_share() const {
  std::set<HeadId> in_groups;
  for (const HeadGroup& group : groups)
    if (group.causal) in_groups.insert(group.heads.begin(), group.heads.end());
  return heads.empty() ? 0 : static_cast<double>(in_groups.size()) / static_cast<double>(heads.size());
}

HeadStudy study_heads(const HeadedModel& model, const RunData& data, const StudyOptions& options) {
  if (options.windows < 0 || options.untrained < 0 || options.untrained_ablated < 0 || options.subspaces < 0 ||
      options.random_orders < 0)
    fail("heads: ", options.windows, " windows, ", options.untrained, " untrained models, ", options.untrained_ablated,
         " of them ablated, ", options.subspaces, " subspaces, ", options.random_orders,
         " orders; give counts from 0 up");
  const MeasuredText m(data, model.context(), options.windows);
  m.windows.check_several();
  HeadStudy study;
  study.text = data.source;
  study.windows = m.windows.size();
  study.predictions = m.windows.predictions();
  study.truth_known = !m.rule.empty();
  study.roles = roles_of(m, data);
  study.subsets = subsets_of(m, data);

  const RoleMasks masks(study.roles, m.role_text(), m.windows.context());
  Progress progress = options.progress;
  const AfterEvaluation next = [&] { progress.next(); };
  progress.begin("models whose attention is scored", 1 + options.untrained);
  const std::vector<HeadScores> halves = score_halves(model, m.windows, masks);
  progress.next();
  const HeadScores whole = merged(halves[0], halves[1]);
  const std::vector<double> untrained = untrained_kappas(model, m.windows, masks, options.untrained, next);
  study.untrained_kappa = untrained.empty() ? 0 : percentile(untrained, kLabelPercentile);

  const Bootstrap bootstrap(m.windows.size(), options.seed);
  const AblationSetting setting{m.windows, study.subsets, bootstrap, next};
  const std::vector<HeadId> heads = all_heads(model);
  progress.begin("heads ablated", 3 * (static_cast<Index>(heads.size()) + 1));
  const std::vector<float> before = token_losses(model, m.windows);
  const HeadMeans means(model, m.windows);
  const AblationResult by_mean = ablate_heads(model, means, setting, before, Replacement::kMean, true),
                       by_zero = ablate_heads(model, means, setting, before, Replacement::kZero),
                       by_other = ablate_heads(model, means, setting, before, Replacement::kResample);
  study.loss = mean_on(before, study.subsets);
  for (std::size_t s = 0; s < study.subsets.size(); ++s)
    study.loss_without_heads.push_back(study.loss[s] + by_mean.all[s].mean);
  std::vector<double> truth;
  if (study.truth_known) truth = m.windows.of_targets(std::span<const double>(data.validation_log_probability));
  study.floor = floor_on(m, data, study.subsets);

  const std::vector<double> importance = gate_importance(model, m.windows),
                            in_layer = normalized_by_layer(importance, model);
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const auto [layer, head] = heads[h];
    HeadFinding& f = study.heads.emplace_back();
    f.id = heads[h];
    f.label = label_head(whole, halves, layer, head, study.roles, masks, study.untrained_kappa);
    for (std::size_t r = 0; r < study.roles.size(); ++r) f.scores.push_back(whole.at(layer, head, r));
    f.evenness = whole.evenness(layer, head);
    f.mean = by_mean.increases[h];
    f.zero = by_zero.increases[h];
    f.other = by_other.increases[h];
    f.kinds_disagree = kinds_disagree(f.mean[0].mean, f.zero[0].mean, f.other[0].mean);
    f.importance = importance[h];
    f.importance_in_layer = in_layer[h];
    if (!f.label.labelled) continue;
    if (const auto decided = decided_by(f.label.parts, study.roles, m, masks))
      f.on_role = bootstrap.loss_increase(before, by_mean.losses[h], *decided, m.windows.context());
  }
  if (options.pairs && heads.size() > 1) measure_pairs(study, model, means, setting, before, by_mean.losses, progress);
  std::vector<HeadLabel> labels;
  for (HeadFinding& f : study.heads) {
    f.verdict = verdict_of(f, study.roles);
    labels.push_back(f.label);
  }
  study.groups = measure_groups(model, means, setting, before, labels, by_mean.increases, study.roles, m, masks,
                                options.seed, options.progress);
  study.specialization = index_of(by_mean);
  study.dissociations = dissociations_of(by_mean);
  if (options.replicates) study.replicates = headline_replicates(setting, before, by_mean, truth);
  measure_baselines(study, model, means, setting, before, options, progress);
  measure_pruning(study, model, m.windows, options, progress);
  if (!m.experts.empty() && m.windows.context() > kRetentionFrom)
    study.experts = study_experts(model, data, m.windows,
                                  {.untrained = options.untrained_ablated,
                                   .subspaces = options.subspaces,
                                   .seed = options.seed,
                                   .progress = options.progress});
  return study;
}

}  // namespace headlight
