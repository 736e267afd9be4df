#include "headlight/heads/seed_study.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "headlight/base/error.h"
#include "headlight/base/random.h"

namespace headlight {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

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

Json interval_json(std::vector<double> values) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) return {};
  const Interval i = bootstrap_mean(values);
  return Json::object().set("mean", i.mean).set("low", i.low).set("high", i.high);
}

std::string cell(const Json& value) {
  if (value.is_null()) return "";
  if (const std::string* text = value.if_string()) return *text;
  return json_text(value);
}

// The figures of one seed that are averaged over seeds: of its heads and of its two controls.
struct Figures {
  double heads = kUnknown, subspaces = kUnknown, untrained = kUnknown;
};
std::vector<std::pair<std::string, Figures>> figures_of(const SeedResult& result) {
  const JsonView study(result.study, "study");
  const JsonView si = study.at("specialization"), dd = study.at("double_dissociations"),
                 pf = study.at("prunable_fraction");
  return {{"loss", {result.loss, kUnknown, kUnknown}},
          {"loss above the lowest possible", {result.loss - result.floor, kUnknown, kUnknown}},
          {"specialization index",
           {si.at("heads").as_double(), mean_of(values_of(si.at("random_subspaces"))),
            mean_of(values_of(si.at("untrained")))}},
          {"double dissociations",
           {static_cast<double>(dd.at("heads").size()), mean_of(values_of(dd.at("random_subspaces"))),
            mean_of(values_of(dd.at("untrained")))}},
          {"prunable fraction", {pf.at("greedy").as_double(), kUnknown, kUnknown}},
          {"prunable fraction, random orders", {mean_of(values_of(pf.at("random_orders"))), kUnknown, kUnknown}},
          {"unlabelled share", {study.at("unlabelled_share").as_double(), kUnknown, kUnknown}}};
}

// By slots, over seeds: what the strongest head costs, and its share of what all cost.
Json rules(std::span<const SeedResult> counted) {
  std::vector<std::string> order;
  std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> by_name;
  for (const SeedResult& result : counted) {
    const JsonView study(result.study, "study");
    for (const JsonView& slots : study.at("slots").elements()) {
      const std::string& name = slots.at("name").as_string();
      double most = 0;
      for (const JsonView& head : study.at("heads").elements())
        most = std::max(most, head.at("rise").at(name).at("mean").as_double());
      const double stake = slots.at("loss_without_heads").as_double() - slots.at("loss").as_double();
      if (by_name.count(name) == 0) order.push_back(name);
      by_name[name].first.push_back(most);
      by_name[name].second.push_back(stake >= kLeastStake ? most / stake : kUnknown);
    }
  }
  Json array = Json::array();
  for (const std::string& name : order)
    array.push(Json::object()
                   .set("name", name)
                   .set("strongest", interval_json(by_name[name].first))
                   .set("share", interval_json(by_name[name].second)));
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

std::vector<SeedResult> those_that_count(std::span<const SeedResult> results) {
  std::vector<SeedResult> counted;
  for (const SeedResult& r : results)
    if (r.failed.empty() && !r.study.is_null()) counted.push_back(r);
  return counted;
}

// An array of objects as a table; an interval takes three columns.
std::string table(const Json& array, std::initializer_list<const char*> columns) {
  std::vector<std::vector<std::string>> rows(1);
  const auto is_interval = [&](const char* column) {
    return std::any_of(array.if_array()->begin(), array.if_array()->end(), [&](const Json& row) {
      const Json* value = row.find(column);
      return value && value->is_object();
    });
  };
  for (const char* column : columns) {
    rows[0].emplace_back(column);
    if (is_interval(column)) rows[0].insert(rows[0].end(), {cat(column, "_low"), cat(column, "_high")});
  }
  for (const Json& row : *array.if_array()) {
    std::vector<std::string>& cells = rows.emplace_back();
    for (const char* column : columns) {
      const Json* value = row.find(column);
      if (!is_interval(column)) {
        cells.push_back(value ? cell(*value) : "");
        continue;
      }
      for (const char* part : {"mean", "low", "high"})
        cells.push_back(value && value->is_object() ? cell(*value->find(part)) : "");
    }
  }
  return csv_text(rows);
}

}  // namespace

Interval bootstrap_mean(std::span<const double> values, std::uint64_t seed, int resamples) {
  if (values.empty()) fail("bootstrap: no values");
  Rng rng(mix64(seed));
  std::vector<double> means;
  const auto n = static_cast<Index>(values.size());
  for (int r = 0; r < resamples; ++r) {
    double sum = 0;
    for (Index i = 0; i < n; ++i) sum += values[static_cast<std::size_t>(rng.below(n))];
    means.push_back(sum / static_cast<double>(n));
  }
  return {mean_of(values), percentile(means, 0.025), percentile(means, 0.975)};
}

std::string csv_text(const std::vector<std::vector<std::string>>& rows) {
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) text += ',';
      if (row[i].find_first_of(",\"\r\n") == std::string::npos) {
        text += row[i];
        continue;
      }
      text += '"';
      for (const char c : row[i]) text += c == '"' ? std::string("\"\"") : std::string(1, c);
      text += '"';
    }
    text += '\n';
  }
  return text;
}

Json to_json(const SeedResult& r) {
  return Json::object()
      .set("seed", r.seed)
      .set("loss", Json::finite_or_null(r.loss))
      .set("floor", Json::finite_or_null(r.floor))
      .set("failed", r.failed.empty() ? Json() : Json(r.failed))
      .set("study", r.study);
}

SeedResult seed_result(const Json& json, const std::string& source) {
  const JsonView view(json, source);
  SeedResult r;
  r.seed = view.at("seed").as_index();
  r.loss = number_or_nan(view, "loss");
  r.floor = number_or_nan(view, "floor");
  if (const auto failed = view.find("failed")) r.failed = failed->as_string();
  r.study = view.at("study").json();
  if (r.failed.empty() && !r.study.is_object()) view.at("study").refuse("neither a study nor a reason why not");
  return r;
}

Json summarise(std::span<const SeedResult> results) {
  const std::vector<SeedResult> counted = those_that_count(results);
  Json summary = Json::array(), runs = Json::array();
  std::vector<std::vector<std::pair<std::string, Figures>>> all;
  for (const SeedResult& r : counted) all.push_back(figures_of(r));
  for (std::size_t f = 0; !all.empty() && f < all[0].size(); ++f) {
    std::vector<double> heads, subspaces, untrained;
    for (const auto& figures : all) {
      heads.push_back(figures[f].second.heads);
      subspaces.push_back(figures[f].second.subspaces);
      untrained.push_back(figures[f].second.untrained);
    }
    summary.push(Json::object()
                     .set("name", all[0][f].first)
                     .set("heads", interval_json(heads))
                     .set("subspaces", interval_json(subspaces))
                     .set("untrained", interval_json(untrained)));
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
  return Json::object()
      .set("text", cat(results.size(), " seeds, ", failed,
                       " failed and left out of the means. In brackets the 95% interval of the mean over seeds, by "
                       "bootstrap over seeds."))
      .set("summary", summary)
      .set("rules", rules(counted))
      .set("labels", labels(counted))
      .set("runs", runs);
}

std::vector<std::pair<std::string, std::string>> seed_tables(std::span<const SeedResult> results) {
  const Json all = summarise(results);
  std::vector<std::vector<std::string>> heads{
      {"seed", "failed", "head", "label", "closest_role", "verdict", "rise", "low", "high"}},
      effects{{"seed", "head", "slots", "rise", "low", "high"}};
  for (const SeedResult& r : results) {
    if (r.study.is_null()) continue;
    const JsonView study(r.study, "study");
    for (const JsonView& head : study.at("heads").elements()) {
      const auto text = [&](const char* key) { return cell(head.at(key).json()); };
      const auto rise = [](const JsonView& at, const char* key) { return cell(at.at(key).json()); };
      const JsonView total = head.at("rise").at("all");
      heads.push_back({std::to_string(r.seed), r.failed, text("head"), text("label"), text("closest_role"),
                       text("verdict"), rise(total, "mean"), rise(total, "low"), rise(total, "high")});
      for (const auto& [slots, value] : head.at("rise").members())
        effects.push_back({std::to_string(r.seed), text("head"), slots, rise(value, "mean"), rise(value, "low"),
                           rise(value, "high")});
    }
  }
  return {{"seeds.csv", table(*all.find("runs"), {"seed", "failed", "loss", "above_floor", "specialization",
                                                  "dissociations", "prunable", "unlabelled"})},
          {"summary.csv", table(*all.find("summary"), {"name", "heads", "subspaces", "untrained"})},
          {"rules.csv", table(*all.find("rules"), {"name", "strongest", "share"})},
          {"labels.csv", table(*all.find("labels"), {"label", "seeds"})},
          {"heads.csv", csv_text(heads)},
          {"effects.csv", csv_text(effects)}};
}

}  // namespace headlight
