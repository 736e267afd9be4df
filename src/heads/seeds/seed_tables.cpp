// The tables of a study over seeds, as CSV.
#include <algorithm>
#include <cmath>

#include "heads/seeds/seed_summary.h"

namespace headlight {

namespace {

using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

std::string cell(const std::string& text) { return text; }
std::string cell(const char* text) { return text; }
std::string cell(double value) { return std::isfinite(value) ? json_text(value) : ""; }
std::string cell(Index value) { return std::to_string(value); }
std::string cell(std::size_t value) { return std::to_string(value); }
// A step; empty for none.
std::string step_cell(Index step) { return step < 0 ? "" : std::to_string(step); }

// Mean and bounds: three cells.
void add_cells(Row& row, const std::optional<Interval>& i) {
  if (i) row.insert(row.end(), {cell(i->mean), cell(i->low), cell(i->high)});
  else row.insert(row.end(), {"", "", ""});
}
template <class T>
void add_cells(Row& row, const T& value) {
  row.push_back(cell(value));
}

template <class... Values>
Row row_of(const Values&... values) {
  Row row;
  (add_cells(row, values), ...);
  return row;
}

std::string runs_table(const SeedSummary& all) {
  Rows rows{{"seed", "failed", "loss", "above_floor", "specialization", "dissociations", "prunable", "unlabelled"}};
  for (const SeedRun& r : all.runs)
    rows.push_back(
        row_of(r.seed, r.failed, r.loss, r.above_floor, r.specialization, r.dissociations, r.prunable, r.unlabelled));
  return csv_text(rows);
}

std::string figures_table(const SeedSummary& all) {
  Rows rows{{"name", "heads", "heads_low", "heads_high", "subspaces", "subspaces_low", "subspaces_high", "untrained",
             "untrained_low", "untrained_high"}};
  for (const FigureSummary& f : all.figures) rows.push_back(row_of(f.name, f.heads, f.subspaces, f.untrained));
  return csv_text(rows);
}

std::string comparisons_table(const SeedSummary& all) {
  Rows rows{{"name", "less", "seeds", "difference", "difference_low", "difference_high", "higher", "lower", "same", "p",
             "verdict"}};
  for (const BaselineSummary& b : all.comparisons) {
    const PairedComparison& c = b.comparison;
    rows.push_back(row_of(b.name, b.baseline, c.differences.size(), std::optional(c.difference), Index{c.higher},
                          Index{c.lower}, Index{c.same}, c.p, verdict_of(c)));
  }
  return csv_text(rows);
}

std::string subsets_table(const SeedSummary& all) {
  Rows rows{{"name", "strongest", "strongest_low", "strongest_high", "share", "share_low", "share_high"}};
  for (const SubsetSummary& s : all.subsets) rows.push_back(row_of(s.name, s.strongest, s.share));
  return csv_text(rows);
}

std::string groups_table(const SeedSummary& all) {
  Rows rows{{"role", "seeds", "causal", "heads", "increase", "increase_low", "increase_high", "alone", "alone_low",
             "alone_high", "random", "random_low", "random_high"}};
  for (const GroupSummary& g : all.groups)
    rows.push_back(row_of(g.role, g.seeds, g.causal, g.heads, g.increase, g.alone, g.random));
  return csv_text(rows);
}

std::string labels_table(const SeedSummary& all) {
  Rows rows{{"label", "seeds"}};
  for (const LabelCount& l : all.labels) rows.push_back(row_of(l.label, l.seeds));
  return csv_text(rows);
}

std::string heads_table(std::span<const SeedResult> results) {
  Rows rows{{"seed", "failed", "head", "label", "closest_role", "verdict", "rise", "low", "high"}};
  for (const SeedResult& r : results) {
    if (!r.figures) continue;
    for (const SeedFigures::Head& h : r.figures->heads)
      rows.push_back(row_of(r.seed, r.failed, head_name(h.id), h.label, h.closest_role, h.verdict, h.increase[0].mean,
                            h.increase[0].low, h.increase[0].high));
  }
  return csv_text(rows);
}

std::string effects_table(std::span<const SeedResult> results) {
  Rows rows{{"seed", "head", "slots", "rise", "low", "high"}};
  for (const SeedResult& r : results) {
    if (!r.figures) continue;
    for (const SeedFigures::Head& h : r.figures->heads)
      for (std::size_t s = 0; s < h.increase.size(); ++s)
        rows.push_back(row_of(r.seed, head_name(h.id), r.figures->subsets[s].name, h.increase[s].mean,
                              h.increase[s].low, h.increase[s].high));
  }
  return csv_text(rows);
}

std::string carriers_table(const SeedSummary& all) {
  Rows rows{{"name", "kind", "seed", "head", "layer", "role", "kappa", "rise", "share", "second", "second_kappa",
             "second_share"}};
  for (const Carrier& c : all.carriers)
    rows.push_back(row_of(c.name, c.is_role ? "role" : "slots", c.seed, head_name(c.head), c.head.layer, c.role,
                          c.kappa, c.increase, c.share, c.second ? head_name(*c.second) : "", c.second_kappa,
                          c.second_share));
  return csv_text(rows);
}

std::string stability_table(const SeedSummary& all) {
  Rows rows{{"seed_a", "seed_b", "matched", "unmatched", "shuffled", "same_layer"}};
  for (const SeedPair& p : all.pairs)
    rows.push_back(row_of(p.seed_a, p.seed_b, p.matched, p.unmatched, p.shuffled, p.same_layer));
  return csv_text(rows);
}

std::string pruning_table(std::span<const SeedResult> results) {
  Rows rows{{"seed", "failed", "order", "heads_removed", "last_removed", "loss"}};
  for (const SeedResult& r : results) {
    if (!r.figures || !r.figures->pruning) continue;
    const auto add = [&](const std::string& name, std::span<const double> losses, std::span<const HeadId> removed) {
      for (std::size_t n = 0; n < losses.size(); ++n)
        if (std::isfinite(losses[n]))
          rows.push_back(row_of(r.seed, r.failed, name, n,
                                n > 0 && n <= removed.size() ? head_name(removed[n - 1]) : "", losses[n]));
    };
    for (const PruneOrder& order : r.figures->pruning->orders) add(order.name, order.losses, order.removed);
    std::size_t number = 0;
    for (const std::vector<double>& losses : r.figures->pruning->random) add(cat("random ", ++number), losses, {});
  }
  return csv_text(rows);
}

std::string onset_table(std::span<const SeedResult> results) {
  Rows rows{{"seed", "failed", "event", "half", "reached", "last"}};
  for (const SeedResult& r : results)
    if (r.onset)
      for (const Onset& o : *r.onset)
        rows.push_back(row_of(r.seed, r.failed, o.event, step_cell(o.half), step_cell(o.reached), o.last));
  return csv_text(rows);
}

std::string order_table(const SeedSummary& all) {
  Rows rows{{"first", "second", "by", "first_earlier", "second_earlier", "same", "p"}};
  for (const OnsetOrder& o : all.order)
    rows.push_back(row_of(o.a, o.b, o.criterion(), o.a_first, o.b_first, o.same, o.p));
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

std::vector<std::pair<std::string, std::string>> seed_tables(std::span<const SeedResult> results,
                                                             const SeedSummary& summary) {
  std::vector<std::pair<std::string, std::string>> tables = {{"seeds.csv", runs_table(summary)},
                                                             {"summary.csv", figures_table(summary)},
                                                             {"comparisons.csv", comparisons_table(summary)},
                                                             {"rules.csv", subsets_table(summary)},
                                                             {"groups.csv", groups_table(summary)},
                                                             {"labels.csv", labels_table(summary)},
                                                             {"heads.csv", heads_table(results)},
                                                             {"effects.csv", effects_table(results)},
                                                             {"carriers.csv", carriers_table(summary)},
                                                             {"stability.csv", stability_table(summary)},
                                                             {"pruning.csv", pruning_table(results)}};
  if (!summary.watched) return tables;
  tables.emplace_back("onset.csv", onset_table(results));
  tables.emplace_back("onset_order.csv", order_table(summary));
  return tables;
}

}  // namespace headlight
