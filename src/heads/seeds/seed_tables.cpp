// What studies over seeds found, as CSV.
#include <algorithm>
#include <cmath>

#include "heads/seeds/seed_match.h"
#include "heads/seeds/seed_study.h"

namespace headlight {

namespace {

std::string cell(const Json& value) {
  if (value.is_null()) return "";
  if (const std::string* text = value.if_string()) return *text;
  return json_text(value);
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

std::string number_cell(double value) { return std::isfinite(value) ? json_text(value) : ""; }

std::string carriers_table(std::span<const Carrier> all) {
  std::vector<std::vector<std::string>> rows{{"name", "kind", "seed", "head", "layer", "role", "kappa", "rise", "share",
                                              "second", "second_kappa", "second_share"}};
  for (const Carrier& c : all)
    rows.push_back({c.name, c.is_role ? "role" : "slots", std::to_string(c.seed), c.head, std::to_string(c.layer),
                    c.role, number_cell(c.kappa), number_cell(c.rise), number_cell(c.share), c.second,
                    number_cell(c.second_kappa), number_cell(c.second_share)});
  return csv_text(rows);
}

std::string stability_table(std::span<const SeedPair> pairs) {
  std::vector<std::vector<std::string>> rows{{"seed_a", "seed_b", "matched", "unmatched", "shuffled", "same_layer"}};
  for (const SeedPair& p : pairs)
    rows.push_back({std::to_string(p.seed_a), std::to_string(p.seed_b), number_cell(p.matched),
                    number_cell(p.unmatched), number_cell(p.shuffled), number_cell(p.same_layer)});
  return csv_text(rows);
}

std::string pruning_table(std::span<const SeedResult> results) {
  std::vector<std::vector<std::string>> rows{{"seed", "failed", "order", "heads_removed", "last_removed", "loss"}};
  for (const SeedResult& r : results) {
    if (r.study.is_null()) continue;
    const JsonView study(r.study, "study");
    const auto pruning = study.find("pruning");
    if (!pruning) continue;
    const auto add = [&](const std::string& name, const JsonView& losses, const std::optional<JsonView>& removed) {
      for (Index n = 0; n < losses.size(); ++n)
        if (!losses.at(n).json().is_null())
          rows.push_back({std::to_string(r.seed), r.failed, name, std::to_string(n),
                          n > 0 && removed ? removed->at(n - 1).as_string() : "", cell(losses.at(n).json())});
    };
    for (const JsonView& order : pruning->at("orders").elements())
      add(order.at("name").as_string(), order.at("losses"), order.at("removed"));
    Index number = 0;
    for (const JsonView& losses : pruning->at("random").elements()) add(cat("random ", ++number), losses, {});
  }
  return csv_text(rows);
}

std::string onset_table(std::span<const SeedResult> results) {
  std::vector<std::vector<std::string>> rows{{"seed", "failed", "event", "half", "reached", "last"}};
  for (const SeedResult& r : results) {
    if (!r.onset) continue;
    for (const Onset& o : *r.onset)
      rows.push_back({std::to_string(r.seed), r.failed, o.event, o.half < 0 ? "" : std::to_string(o.half),
                      o.reached < 0 ? "" : std::to_string(o.reached), number_cell(o.last)});
  }
  return csv_text(rows);
}

}  // namespace

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
  const std::vector<SeedResult> counted = those_that_count(results);
  std::vector<std::pair<std::string, std::string>> tables = {
      {"seeds.csv", table(*all.find("runs"), {"seed", "failed", "loss", "above_floor", "specialization",
                                              "dissociations", "prunable", "unlabelled"})},
      {"summary.csv", table(*all.find("summary"), {"name", "heads", "subspaces", "untrained"})},
      {"comparisons.csv", table(*all.find("comparisons"),
                                {"name", "less", "seeds", "difference", "higher", "lower", "same", "p", "verdict"})},
      {"rules.csv", table(*all.find("rules"), {"name", "strongest", "share"})},
      {"labels.csv", table(*all.find("labels"), {"label", "seeds"})},
      {"heads.csv", csv_text(heads)},
      {"effects.csv", csv_text(effects)},
      {"carriers.csv", carriers_table(carriers(counted))},
      {"stability.csv", stability_table(match_seeds(counted))},
      {"pruning.csv", pruning_table(results)}};
  if (all.find("onset")) {
    tables.emplace_back("onset.csv", onset_table(results));
    tables.emplace_back("onset_order.csv", table(*all.find("order"), {"first", "second", "by", "first_earlier",
                                                                      "second_earlier", "same", "p"}));
  }
  return tables;
}

}  // namespace headlight
