#include "heads/seeds/seed_study.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "headlight/base/error.h"
#include "heads/seeds/seed_compare.h"
#include "heads/seeds/seed_match.h"

namespace headlight {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

constexpr const char *kSpecialization = "specialization index", *kDissociations = "double dissociations",
                     *kPrunable = "prunable fraction", *kPrunableAtRandom = "prunable fraction, random orders";

Json json_of(const Interval& i) { return Json::object().set("mean", i.mean).set("low", i.low).set("high", i.high); }

double number_or_nan(const JsonView& view, const char* key) {
  const auto found = view.find(key);
  return found ? found->as_double() : kUnknown;
}

std::vector<double> values_of(const JsonView& array) {
  std::vector<double> values;
  for (const JsonView& v : array.elements())
    if (!v.json().is_null()) values.push_back(v.as_double());
  return values;
}

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? kUnknown : sum / static_cast<double>(values.size());
}

// A figure of each seed, and its replicates where there are some. Intervals are cut where no figure can be: shifted
// replicates may reach beyond.
struct Sample {
  double lowest = -std::numeric_limits<double>::infinity(), highest = std::numeric_limits<double>::infinity();
  std::vector<double> values;
  std::vector<std::vector<double>> replicates;
  void add(double value, std::vector<double> of_windows = {}) {
    if (!std::isfinite(value)) return;
    values.push_back(value);
    replicates.push_back(std::move(of_windows));
  }
  Json interval() const {
    if (values.empty()) return {};
    const Interval i = bootstrap_seeds(values, replicates);
    return json_of({i.mean, std::max(i.low, lowest), std::min(i.high, highest)});
  }
};

// study.replicates.PATH; nothing where there is none.
std::vector<double> replicates_of(const JsonView& study, std::initializer_list<std::string_view> path) {
  auto at = study.find("replicates");
  for (const std::string_view step : path)
    if (at) at = at->find(step);
  return at ? values_of(*at) : std::vector<double>{};
}

// The figures of one seed that are averaged over seeds: of its heads and of its two controls.
struct Figures {
  double heads = kUnknown, subspaces = kUnknown, untrained = kUnknown;
  std::vector<double> replicates = {};  // of the heads'
  double lowest = -std::numeric_limits<double>::infinity(), highest = std::numeric_limits<double>::infinity();
};
std::vector<std::pair<std::string, Figures>> figures_of(const SeedResult& result) {
  const JsonView study(result.study, "study");
  const JsonView si = study.at("specialization"), dd = study.at("double_dissociations"),
                 pf = study.at("prunable_fraction");
  return {
      {"loss", {result.loss, kUnknown, kUnknown, replicates_of(study, {"loss"})}},
      {"loss above the lowest possible",
       {result.loss - result.floor, kUnknown, kUnknown, replicates_of(study, {"above_floor"})}},
      {kSpecialization,
       {si.at("heads").as_double(), mean_of(values_of(si.at("random_subspaces"))),
        mean_of(values_of(si.at("untrained"))), replicates_of(study, {"specialization"}), 0, 1}},
      {kDissociations,
       {static_cast<double>(dd.at("heads").size()), mean_of(values_of(dd.at("random_subspaces"))),
        mean_of(values_of(dd.at("untrained"))), replicates_of(study, {"double_dissociations"}), 0}},
      {kPrunable, {pf.at("greedy").as_double(), kUnknown, kUnknown, replicates_of(study, {"prunable_fraction"}), 0, 1}},
      {kPrunableAtRandom, {mean_of(values_of(pf.at("random_orders"))), kUnknown, kUnknown}},
      {"unlabelled share", {study.at("unlabelled_share").as_double(), kUnknown, kUnknown}}};
}

// Each figure that has a control, less it, in the seeds that have both.
Json comparisons(std::span<const std::vector<std::pair<std::string, Figures>>> seeds) {
  Json array = Json::array();
  // `who` less `control` of a figure; a control is a member of the figure, or another figure of the heads.
  const auto add = [&](const char* figure, const char* who, const char* whose, const char* control,
                       double Figures::*member, const char* other) {
    std::vector<double> heads, controls;
    std::vector<std::vector<double>> replicates;
    double lowest = 0, highest = 0;
    for (const auto& figures : seeds) {
      const auto of = [&](std::string_view wanted) {
        return std::find_if(figures.begin(), figures.end(), [&](const auto& f) { return f.first == wanted; })->second;
      };
      const Figures mine = of(figure);
      const double value = of(other).*member;
      if (!std::isfinite(mine.heads) || !std::isfinite(value)) continue;
      lowest = mine.lowest;
      highest = mine.highest;
      heads.push_back(mine.heads);
      controls.push_back(value);
      replicates.push_back(mine.replicates);
    }
    if (heads.empty()) return;
    const PairedComparison c = compare_pairs(heads, controls, replicates, lowest, highest);
    array.push(Json::object()
                   .set("name", figure)
                   .set("less", control)
                   .set("seeds", heads.size())
                   .set("difference", json_of(c.difference))
                   .set("higher", c.higher)
                   .set("lower", c.lower)
                   .set("same", c.same)
                   .set("p", c.p)
                   .set("verdict", verdict_of(c))
                   .set("says", sentence_of(c, cat(figure, ", ", who, " less ", control), whose)));
  };
  for (const char* figure : {kSpecialization, kDissociations}) {
    add(figure, "heads", "heads are", "random subspaces", &Figures::subspaces, figure);
    add(figure, "heads", "heads are", "untrained models", &Figures::untrained, figure);
  }
  add(kPrunable, "greedy order", "greedy order is", "random orders", &Figures::heads, kPrunableAtRandom);
  return array;
}

// By slots, over seeds: what the strongest head costs, and its share of what all cost.
Json rules(std::span<const SeedResult> counted) {
  std::vector<std::string> order;
  std::map<std::string, std::pair<Sample, Sample>> by_name;
  for (const SeedResult& result : counted) {
    const JsonView study(result.study, "study");
    for (const JsonView& slots : study.at("slots").elements()) {
      const std::string& name = slots.at("name").as_string();
      double most = 0;
      for (const JsonView& head : study.at("heads").elements())
        most = std::max(most, head.at("rise").at(name).at("mean").as_double());
      const double stake = slots.at("loss_without_heads").as_double() - slots.at("loss").as_double();
      if (by_name.count(name) == 0) order.push_back(name);
      by_name[name].first.add(most, replicates_of(study, {"slots", name, "strongest"}));
      by_name[name].second.add(stake >= kLeastStake ? most / stake : kUnknown,
                               replicates_of(study, {"slots", name, "share"}));
    }
  }
  Json array = Json::array();
  for (const std::string& name : order)
    array.push(Json::object()
                   .set("name", name)
                   .set("strongest", by_name[name].first.interval())
                   .set("share", by_name[name].second.interval()));
  return array;
}

Json labels(std::span<const SeedResult> counted) {
  std::map<std::string, Index> seeds;
  for (const SeedResult& result : counted) {
    std::map<std::string, bool> found;
    const JsonView study(result.study, "study");
    for (const JsonView& head : study.at("heads").elements())
      if (const auto label = head.find("label")) found[label->as_string()] = true;
    for (const auto& [label, yes] : found) ++seeds[label];
  }
  Json array = Json::array();
  for (const auto& [label, count] : seeds) array.push(Json::object().set("label", label).set("seeds", count));
  return array;
}

Json stability(std::span<const SeedPair> pairs) {
  Json array = Json::array();
  if (pairs.empty()) return array;
  const std::pair<const char*, double SeedPair::*> figures[] = {
      {"similarity of matched heads", &SeedPair::matched},
      {"the same, of all pairs of heads", &SeedPair::unmatched},
      {"the same, matched after shuffling profiles", &SeedPair::shuffled},
      {"matched heads in the same layer", &SeedPair::same_layer}};
  for (const auto& [name, figure] : figures) {
    Json value = json_of(interval_of_pairs(pairs, figure));
    // Drawn again, two seeds are always the same pair: that is no certainty.
    if (pairs.size() == 1) value.set("low", Json()).set("high", Json());
    array.push(Json::object().set("name", name).set("value", value));
  }
  return array;
}

// The value that most have, and how many do; of several the first.
template <class T>
std::pair<T, Index> commonest(const std::vector<T>& values) {
  std::pair<T, Index> best{T{}, 0};
  for (const T& value : values)
    if (const auto n = static_cast<Index>(std::count(values.begin(), values.end(), value)); n > best.second)
      best = {value, n};
  return best;
}

Json carriers_json(std::span<const Carrier> all) {
  Json array = Json::array();
  for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
    while (end < all.size() && all[end].name == all[begin].name && all[end].is_role == all[begin].is_role) ++end;
    std::vector<Index> layers;
    std::vector<std::string> roles;
    Sample kappa, share, second;
    for (const Carrier& c : all.subspan(begin, end - begin)) {
      layers.push_back(c.layer);
      roles.push_back(c.role);
      kappa.add(c.kappa);
      share.add(c.share);
      second.add(c.second_share);
    }
    const bool is_role = all[begin].is_role;
    const auto layer = commonest(layers);
    const auto role = commonest(roles);
    array.push(Json::object()
                   .set("name", all[begin].name)
                   .set("kind", is_role ? "role" : "slots")
                   .set("seeds", end - begin)
                   .set("layer", layer.first)
                   .set("in_layer", layer.second)
                   .set("role", is_role ? Json() : Json(role.first))
                   .set("with_role", is_role ? Json() : Json(role.second))
                   .set("kappa", kappa.interval())
                   .set("share", share.interval())
                   .set("second_share", second.interval()));
  }
  return array;
}

Json step(Index value) { return value < 0 ? Json() : Json(value); }

void set_onsets(Json& all, std::span<const SeedResult> counted) {
  std::vector<std::vector<Onset>> seeds;
  for (const SeedResult& r : counted)
    if (r.onset) seeds.push_back(*r.onset);
  if (seeds.empty()) return;
  Json onset = Json::array(), order = Json::array();
  for (const OnsetSummary& s : summarise_onsets(seeds))
    onset.push(Json::object()
                   .set("event", s.event)
                   .set("seeds", s.seeds)
                   .set("half", step(s.half.median))
                   .set("half_first", step(s.half.first))
                   .set("half_last", step(s.half.last))
                   .set("reached", step(s.reached.median))
                   .set("reached_first", step(s.reached.first))
                   .set("reached_last", step(s.reached.last))
                   .set("reached_in", s.reached.seeds));
  for (const OnsetOrder& o : onset_order(seeds))
    order.push(Json::object()
                   .set("first", o.a)
                   .set("second", o.b)
                   .set("by", o.by_half ? "half of the final kappa" : cat("kappa ", kOnsetKappa))
                   .set("first_earlier", o.a_first)
                   .set("second_earlier", o.b_first)
                   .set("same", o.same)
                   .set("p", o.p));
  all.set("onset", onset).set("order", order);
}

}  // namespace

std::vector<SeedResult> those_that_count(std::span<const SeedResult> results) {
  std::vector<SeedResult> counted;
  for (const SeedResult& r : results)
    if (r.failed.empty() && !r.study.is_null()) counted.push_back(r);
  return counted;
}

Json to_json(const SeedResult& r) {
  return Json::object()
      .set("seed", r.seed)
      .set("loss", Json::finite_or_null(r.loss))
      .set("floor", Json::finite_or_null(r.floor))
      .set("failed", r.failed.empty() ? Json() : Json(r.failed))
      .set("study", r.study)
      .set("onset", r.onset ? to_json(*r.onset) : Json());
}

SeedResult seed_result(const Json& json, const std::string& source) {
  const JsonView view(json, source);
  SeedResult r;
  r.seed = view.at("seed").as_index();
  r.loss = number_or_nan(view, "loss");
  r.floor = number_or_nan(view, "floor");
  if (const auto failed = view.find("failed")) r.failed = failed->as_string();
  r.study = view.at("study").json();
  if (const auto onset = view.find("onset")) r.onset = onsets_of(*onset);
  if (r.failed.empty() && !r.study.is_object()) view.at("study").refuse("neither a study nor a reason why not");
  return r;
}

Json summarise(std::span<const SeedResult> results) {
  const std::vector<SeedResult> counted = those_that_count(results);
  Json summary = Json::array(), runs = Json::array();
  std::vector<std::vector<std::pair<std::string, Figures>>> all;
  for (const SeedResult& r : counted) all.push_back(figures_of(r));
  for (std::size_t f = 0; !all.empty() && f < all[0].size(); ++f) {
    Sample heads, subspaces, untrained;
    for (const auto& figures : all) {
      const Figures& of_seed = figures[f].second;
      heads.lowest = of_seed.lowest;
      heads.highest = of_seed.highest;
      heads.add(of_seed.heads, of_seed.replicates);
      subspaces.add(of_seed.subspaces);
      untrained.add(of_seed.untrained);
    }
    summary.push(Json::object()
                     .set("name", all[0][f].first)
                     .set("heads", heads.interval())
                     .set("subspaces", subspaces.interval())
                     .set("untrained", untrained.interval()));
  }
  for (const SeedResult& r : results) {
    Json run = Json::object();
    run.set("seed", r.seed)
        .set("failed", r.failed.empty() ? Json() : Json(r.failed))
        .set("loss", Json::finite_or_null(r.loss))
        .set("above_floor", Json::finite_or_null(r.loss - r.floor));
    if (!r.study.is_null()) {
      const auto figures = figures_of(r);
      run.set("specialization", Json::finite_or_null(figures[2].second.heads))
          .set("dissociations", Json::finite_or_null(figures[3].second.heads))
          .set("prunable", Json::finite_or_null(figures[4].second.heads))
          .set("unlabelled", Json::finite_or_null(figures[6].second.heads));
    }
    runs.push(run);
  }
  const std::size_t failed = results.size() - counted.size();
  Json json = Json::object();
  json.set("text", cat(results.size(), results.size() == 1 ? " seed, " : " seeds, ",
                       failed == 0 ? "none failed" : cat(failed, " failed and left out of the means"),
                       ". In brackets the 95% interval of the mean over seeds, by "
                       "bootstrap over seeds and then over windows of the text (over seeds alone for controls, random "
                       "orders, labels and carriers).",
                       counted.size() == 1 ? " A single seed says nothing of others." : ""))
      .set("summary", summary)
      .set("comparisons", comparisons(all))
      .set("rules", rules(counted))
      .set("carriers", carriers_json(carriers(counted)))
      .set("stability", stability(match_seeds(counted)))
      .set("labels", labels(counted));
  set_onsets(json, counted);
  return json.set("runs", runs);
}

}  // namespace headlight
