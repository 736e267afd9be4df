// The measurements of an expert study in order, and its sentences about heads.
#include "heads/sources/expert_study.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/format.h"
#include "heads/sources/head_circuits.h"

namespace headlight {

namespace {

// The attention of each head on the evidence of each expert.
std::vector<std::vector<RoleScore>> attention_on_experts(const HeadedModel& model, const HeadWindows& windows,
                                                         const RunData& data) {
  std::vector<Role> roles;
  add_expert_roles(roles, data.validation_experts);
  std::vector<std::vector<std::int32_t>> evidence;
  RoleText text;
  text.ids = windows.inputs();
  for (const Expert& expert : data.validation_experts)
    evidence.push_back(windows.of_targets(std::span<const std::int32_t>(expert.evidence)));
  text.experts.assign(evidence.begin(), evidence.end());
  const RoleMasks masks(roles, text, windows.context());
  const HeadScores scores = score_heads(model, windows, masks);
  std::vector<std::vector<RoleScore>> attention;
  for (const HeadId id : all_heads(model)) {
    std::vector<RoleScore>& row = attention.emplace_back();
    for (std::size_t e = 0; e < roles.size(); ++e) row.push_back(scores.at(id.layer, id.head, e));
  }
  return attention;
}

std::string percent(double share) {
  // Estimation noise can put a share outside 0 .. 1.
  share = std::clamp(share, 0.0, 1.0);
  return cat(static_cast<int>(std::lround(100 * share)), "%");
}

}  // namespace

Interval ExpertStudy::lost(std::size_t head, std::size_t expert) const {
  const double whole = retention.whole[expert].mean;
  const Interval& k = retention.parts[head][expert];
  if (whole < kLosesShare) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    return {kNone, kNone, kNone};
  }
  return {(whole - k.mean) / whole, (whole - k.high) / whole, (whole - k.low) / whole};
}

std::size_t ExpertStudy::main_source(std::size_t head) const {
  const auto fall = [&](std::size_t e) { return retention.whole[e].mean - retention.parts[head][e].mean; };
  std::size_t most = 0;
  for (std::size_t e = 1; e < experts.size(); ++e)
    if (fall(e) > fall(most)) most = e;
  return most;
}

std::size_t ExpertStudy::experts_with_one_head() const {
  std::size_t count = 0;
  for (std::size_t e = 0; e < experts.size(); ++e) {
    std::size_t losing = 0;
    for (std::size_t h = 0; h < heads.size(); ++h) losing += loses(h, e) ? 1 : 0;
    count += experts[e].needs_attention && losing == 1 ? 1 : 0;
  }
  return count;
}

ExpertStudy study_experts(const HeadedModel& model, const RunData& data, const HeadWindows& windows,
                          const ExpertStudyOptions& options) {
  windows.check_several();
  const ExpertWindows experts(data, windows);
  const Bootstrap bootstrap(windows.size(), options.seed);
  const ExpertRegression regression(experts, bootstrap);
  ExpertStudy study;
  study.experts.assign(experts.experts().begin(), experts.experts().end());
  study.symbols = data.expert_symbols;
  study.heads = all_heads(model);
  Progress progress = options.progress;
  const AfterEvaluation next = [&] { progress.next(); };
  const auto parts = static_cast<Index>(study.heads.size());

  progress.begin("heads ablated, for each expert", parts + 2);
  const HeadMeans means(model, windows);
  study.retention = measure_retention(model, means, experts, regression, next);
  study.index = retention_index(study.retention, study.experts);
  study.attention = attention_on_experts(model, windows, data);
  const auto* transformer = dynamic_cast<const TransformerLM*>(&model);
  if (transformer && has_output_circuits(*transformer)) {
    study.tables = learned_tables(*transformer, experts, options.seed);
    study.direct = measure_direct_logits(*transformer, experts, regression);
  }

  progress.begin("experts whose evidence is swapped",
                 static_cast<Index>(std::count_if(study.experts.begin(), study.experts.end(),
                                                  [](const Expert& e) { return e.needs_attention; })));
  study.patching = measure_patching(model, experts, data.vocabulary, bootstrap, options.seed, kPatchRounds, next);

  const int most = static_cast<int>(std::max<Index>(1, HeadCounts(model).most()));
  const int rotations = options.subspaces <= 0 ? 0 : (options.subspaces + most - 1) / most;
  progress.begin("random subspaces ablated, for each expert", rotations * parts);
  study.subspaces =
      subspace_retention(model, means, experts, regression, study.retention, rotations, options.seed, next);
  for (const Retention& r : study.subspaces) study.index_subspaces.push_back(retention_index(r, study.experts));

  progress.begin("heads of untrained models ablated, for each expert", options.untrained * (parts + 2));
  const GeneratorGuard keep;
  for (int m = 1; m <= options.untrained; ++m) {
    seed_generator(static_cast<std::uint64_t>(m));
    const std::unique_ptr<HeadedModel> untrained = model.untrained();
    const HeadMeans its_means(*untrained, windows);
    study.untrained.push_back(measure_retention(*untrained, its_means, experts, regression, next));
    study.index_untrained.push_back(retention_index(study.untrained.back(), study.experts));
  }
  return study;
}

std::vector<std::string> head_sentences(const ExpertStudy& study) {
  std::vector<std::string> sentences;
  for (std::size_t h = 0; h < study.heads.size(); ++h) {
    const std::vector<RoleScore>& attention = study.attention[h];
    std::size_t read = 0;
    for (std::size_t e = 1; e < attention.size(); ++e)
      if (attention[e].attention > attention[read].attention) read = e;
    const bool reads = attention[read].attention >= kReads;
    std::string sentence = cat(head_name(study.heads[h]), " ");
    sentence += reads ? cat("attends to ", study.experts[read].reads, " (attention ",
                            fixed_text(attention[read].attention, 2), ")")
                      : cat("attends to no single source (at most ", fixed_text(attention[read].attention, 2), " to ",
                            study.experts[read].reads, ")");
    std::string losses;
    bool keeps_rest = true;
    const auto add_loss = [&](std::size_t e) {
      const Interval lost = study.lost(h, e);
      if (std::isnan(lost.mean)) return;  // the model does not use this expert
      if (!(lost.low > kLosesShare)) {
        if (!(lost.high < kLosesShare)) keeps_rest = false;
        return;
      }
      losses += cat(losses.empty() ? "" : ", ", percent(lost.mean), " of ",
                    reads && e == read ? "that source" : cat("the use of ", study.experts[e].reads));
    };
    add_loss(read);
    for (std::size_t e = 0; e < study.experts.size(); ++e)
      if (e != read) add_loss(e);
    if (!losses.empty()) sentence += cat("; ablating it removes ", losses, keeps_rest ? " and nothing else" : "");
    else if (keeps_rest) sentence += cat("; ablating it removes less than ", percent(kLosesShare), " of any source");
    else sentence += "; the effect of ablating it is not settled";
    sentences.push_back(sentence + ".");
  }
  return sentences;
}

}  // namespace headlight
