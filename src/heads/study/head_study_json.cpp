// A study as JSON.
#include "heads/study/head_study.h"
#include "heads/study/number_json.h"

namespace headlight {

namespace {

Json to_json(const LossIncrease& r) {
  return Json::object()
      .set("mean", Json::finite_or_null(r.mean))
      .set("low", Json::finite_or_null(r.low))
      .set("high", Json::finite_or_null(r.high));
}

Json by_subset(std::span<const LossIncrease> increases, std::span<const PredictionSubset> subsets) {
  Json object = Json::object();
  for (std::size_t s = 0; s < subsets.size(); ++s) object.set(subsets[s].name, to_json(increases[s]));
  return object;
}

Json to_json(const RoleScore& s) {
  return Json::object()
      .set("attention", s.attention)
      .set("chance", s.chance)
      .set("elsewhere", s.compared > 0 ? Json(s.elsewhere) : Json())
      .set("kappa", s.kappa())
      .set("kappa_content", Json::finite_or_null(s.kappa_content()))
      .set("log_ratio", Json::finite_or_null(s.log_ratio()))
      .set("top", s.top)
      .set("queries", s.queries);
}

Json to_json(const HeadFinding& f, const HeadStudy& study) {
  Json scores = Json::object();
  for (std::size_t r = 0; r < study.roles.size(); ++r)
    if (f.scores[r].queries > 0) scores.set(study.roles[r].name, to_json(f.scores[r]));
  return Json::object()
      .set("head", head_name(f.id))
      .set("label", f.label.labelled ? Json(f.label.name(study.roles)) : Json())
      .set("closest_role", study.roles[f.label.best].name)
      .set("unlabelled_by", f.label.labelled ? Json() : Json(f.label.reason))
      .set("uniform", f.label.uniform)
      .set("evenness", f.evenness)
      .set("verdict", f.verdict)
      .set("rise", by_subset(f.mean, study.subsets))
      .set("rise_by_zero", by_subset(f.zero, study.subsets))
      .set("rise_by_other", by_subset(f.other, study.subsets))
      .set("rise_on_role", f.on_role ? to_json(*f.on_role) : Json())
      .set("kinds_disagree", f.kinds_disagree)
      .set("gate_importance", Json::finite_or_null(f.importance))
      .set("gate_importance_in_layer", Json::finite_or_null(f.importance_in_layer))
      .set("backup", f.backup ? Json(head_name(study.heads[*f.backup].id)) : Json())
      .set("roles", scores);
}

Json to_json(const HeadGroup& group, const HeadStudy& study) {
  Json heads = Json::array();
  for (const HeadId id : group.heads) heads.push(head_name(id));
  return Json::object()
      .set("role", group.role)
      .set("heads", heads)
      .set("causal", group.causal)
      .set("rise", by_subset(group.increase, study.subsets))
      .set("alone", group.alone)
      .set("random_sets", numbers_json(group.random));
}

// The loss increase of each part on each subset, without intervals; enough to draw a baseline beside the heads.
Json baseline(std::span<const AblationResult> results) {
  Json array = Json::array();
  for (const AblationResult& result : results) {
    Json parts = Json::array();
    for (const std::vector<LossIncrease>& increases : result.increases) {
      Json row = Json::array();
      for (const LossIncrease& r : increases) row.push(Json::finite_or_null(r.mean));
      parts.push(row);
    }
    array.push(parts);
  }
  return array;
}

}  // namespace

Json to_json(const HeadStudy& study) {
  Json heads = Json::array(), subsets = Json::array(), pairs = Json::array(), groups = Json::array(),
       dissociations = Json::array();
  for (const HeadFinding& f : study.heads) heads.push(to_json(f, study));
  for (std::size_t s = 0; s < study.subsets.size(); ++s)
    subsets.push(Json::object()
                     .set("name", study.subsets[s].name)
                     .set("predictions", study.subsets[s].places.size())
                     .set("loss", Json::finite_or_null(study.loss[s]))
                     .set("loss_without_heads", Json::finite_or_null(study.loss_without_heads[s]))
                     .set("floor", study.floor.empty() ? Json() : Json::finite_or_null(study.floor[s])));
  for (const HeadGroup& group : study.groups) groups.push(to_json(group, study));
  for (std::size_t a = 0; a < study.redundancy.size(); ++a)
    for (std::size_t b = a + 1; b < study.heads.size(); ++b)
      pairs.push(Json::object()
                     .set("a", head_name(study.heads[a].id))
                     .set("b", head_name(study.heads[b].id))
                     .set("redundancy", by_subset(study.redundancy[a][b], study.subsets)));
  for (const DoubleDissociation& d : study.dissociations)
    dissociations.push(Json::object()
                           .set("head_a", head_name(study.heads[d.head_a].id))
                           .set("hurts_a", study.subsets[d.subset_r].name)
                           .set("head_b", head_name(study.heads[d.head_b].id))
                           .set("hurts_b", study.subsets[d.subset_s].name));
  Json json = Json::object();
  json.set("run", study.run)
      .set("text", study.text)
      .set("windows", study.windows)
      .set("predictions", study.predictions)
      .set("truth_known", study.truth_known)
      .set("untrained_kappa", study.untrained_kappa)
      .set("unlabelled_share", study.unlabelled_share())
      .set("causal_share", study.causal_share())
      .set("causal_group_share", study.causal_group_share())
      .set("slots", subsets)
      .set("heads", heads)
      .set("pairs", pairs)
      .set("groups", groups)
      .set("attention_distance", rows_json(study.similarity.attention_distance))
      .set("output_cka", rows_json(study.similarity.output_cka))
      .set("specialization", Json::object()
                                 .set("heads", study.specialization)
                                 .set("random_subspaces", numbers_json(study.specialization_subspaces))
                                 .set("untrained", numbers_json(study.specialization_untrained))
                                 .set("uniform", 0.0))
      .set("double_dissociations", Json::object()
                                       .set("heads", dissociations)
                                       .set("random_subspaces", numbers_json(study.dissociations_subspaces))
                                       .set("untrained", numbers_json(study.dissociations_untrained)))
      .set("prunable_fraction", Json::object()
                                    .set("allowed_nats", kPrunableLoss)
                                    .set("greedy", study.prunable)
                                    .set("random_orders", numbers_json(study.prunable_random)))
      .set("rise_random_subspaces", baseline(study.subspaces))
      .set("rise_untrained", baseline(study.untrained));
  if (study.pruning.orders.size() > 1) json.set("pruning", to_json(study.pruning));
  if (study.experts) json.set("experts", to_json(*study.experts));
  if (study.replicates) json.set("replicates", to_json(*study.replicates, study.subsets));
  return json;
}

}  // namespace headlight
