// Reading and writing of seed-N.json. Only this file depends on the JSON form of a seed's figures.
#include "heads/seeds/seed_result.h"

#include <cmath>

namespace headlight {

namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

double number_or_nan(const JsonView& view, const char* key) {
  const auto found = view.find(key);
  return found ? found->as_double() : kMissing;
}

std::string text_or_empty(const JsonView& view, const char* key) {
  const auto found = view.find(key);
  return found ? found->as_string() : "";
}

// The numbers of an array; nulls are left out.
std::vector<double> numbers(const JsonView& array) {
  std::vector<double> values;
  for (const JsonView& v : array.elements())
    if (!v.json().is_null()) values.push_back(v.as_double());
  return values;
}

std::vector<double> numbers_in(const std::optional<JsonView>& object, const char* key) {
  const auto found = object ? object->find(key) : std::nullopt;
  return found ? numbers(*found) : std::vector<double>{};
}

LossIncrease read_increase(const JsonView& view) {
  return {number_or_nan(view, "mean"), number_or_nan(view, "low"), number_or_nan(view, "high"), 0};
}

SeedFigures::Head read_head(const JsonView& view, std::span<const SeedFigures::Subset> subsets) {
  SeedFigures::Head head;
  head.id = head_id(view.at("head").as_string());
  head.label = text_or_empty(view, "label");
  head.closest_role = view.at("closest_role").as_string();
  head.verdict = text_or_empty(view, "verdict");
  for (const auto& [name, score] : view.at("roles").members())
    head.roles.push_back({name, score.at("kappa").as_double(), score.at("queries").as_index()});
  for (const SeedFigures::Subset& subset : subsets)
    head.increase.push_back(read_increase(view.at("rise").at(subset.name)));
  return head;
}

}  // namespace

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? kMissing : sum / static_cast<double>(values.size());
}

double SeedFigures::Head::kappa(const std::string& role_name) const {
  for (const RoleKappa& r : roles)
    if (r.name == role_name) return r.kappa;
  return 0;
}

std::optional<std::size_t> SeedFigures::subset(const std::string& name) const {
  for (std::size_t s = 0; s < subsets.size(); ++s)
    if (subsets[s].name == name) return s;
  return std::nullopt;
}

SeedFigures seed_figures(const JsonView& study) {
  SeedFigures f;
  for (const JsonView& s : study.at("slots").elements())
    f.subsets.push_back({s.at("name").as_string(), number_or_nan(s, "loss"), number_or_nan(s, "loss_without_heads")});
  for (const JsonView& head : study.at("heads").elements()) f.heads.push_back(read_head(head, f.subsets));
  const auto experts = study.find("experts");
  f.over_sources = experts.has_value();
  if (experts) f.sources_with_one_head = experts->at("experts_with_one_head").as_double();
  if (const auto si = experts ? experts->find("specialization") : study.find("specialization")) {
    f.specialization = si->at("heads").as_double();
    f.specialization_subspaces = numbers(si->at("random_subspaces"));
    f.specialization_untrained = numbers(si->at("untrained"));
  }
  if (const auto dd = study.find("double_dissociations")) {
    f.dissociations = static_cast<double>(dd->at("heads").size());
    f.dissociations_subspaces = numbers(dd->at("random_subspaces"));
    f.dissociations_untrained = numbers(dd->at("untrained"));
  }
  if (const auto prunable = study.find("prunable_fraction")) {
    f.prunable = prunable->at("greedy").as_double();
    f.prunable_random = numbers(prunable->at("random_orders"));
  }
  if (experts) {
    f.dissociations = kMissing;
    f.dissociations_subspaces.clear();
    f.dissociations_untrained.clear();
  }
  if (const auto share = study.find("unlabelled_share")) f.unlabelled_share = share->as_double();
  f.causal_share = number_or_nan(study, "causal_share");
  f.causal_group_share = number_or_nan(study, "causal_group_share");
  if (const auto groups = study.find("groups"))
    for (const JsonView& g : groups->elements())
      f.groups.push_back({g.at("role").as_string(), static_cast<Index>(g.at("heads").size()),
                          number_or_nan(g.at("rise").at("all"), "mean"), number_or_nan(g, "alone"),
                          mean_of(numbers(g.at("random_sets"))), g.at("causal").as_bool()});
  const auto replicates = study.find("replicates");
  f.loss_replicates = numbers_in(replicates, "loss");
  f.above_floor_replicates = numbers_in(replicates, "above_floor");
  if (!experts) {
    f.specialization_replicates = numbers_in(replicates, "specialization");
    f.dissociations_replicates = numbers_in(replicates, "double_dissociations");
  }
  f.prunable_replicates = numbers_in(replicates, "prunable_fraction");
  const auto by_subset = replicates ? replicates->find("slots") : std::nullopt;
  for (const SeedFigures::Subset& s : f.subsets) {
    const auto found = by_subset ? by_subset->find(s.name) : std::nullopt;
    f.subset_replicates.push_back({numbers_in(found, "strongest"), numbers_in(found, "share")});
  }
  if (const auto pruning = study.find("pruning")) f.pruning = prune_study(*pruning);
  return f;
}

Json seed_json(const SeedResult& r, const HeadStudy* study) {
  return Json::object()
      .set("seed", r.seed)
      .set("loss", Json::finite_or_null(r.loss))
      .set("floor", Json::finite_or_null(r.floor))
      .set("failed", r.failed.empty() ? Json() : Json(r.failed))
      .set("study", study ? to_json(*study) : Json())
      .set("onset", r.onset ? to_json(*r.onset) : Json());
}

SeedResult seed_result(const Json& json, const std::string& source) {
  const JsonView view(json, source);
  SeedResult r;
  r.seed = view.at("seed").as_index();
  r.loss = number_or_nan(view, "loss");
  r.floor = number_or_nan(view, "floor");
  r.failed = text_or_empty(view, "failed");
  const JsonView study = view.at("study");
  if (study.json().is_object()) r.figures = seed_figures(study);
  if (const auto onset = view.find("onset")) r.onset = onsets_of(*onset);
  if (r.failed.empty() && !r.figures) study.refuse("must be a study, unless \"failed\" says why there is none");
  return r;
}

std::vector<SeedResult> counted_results(std::span<const SeedResult> results) {
  std::vector<SeedResult> counted;
  for (const SeedResult& r : results)
    if (r.counts()) counted.push_back(r);
  return counted;
}

}  // namespace headlight
