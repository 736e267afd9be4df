// The summary of several seeds. The unit of replication is the seed: every interval is of a mean over seeds
// (seed_bootstrap.h). Seeds that failed are counted in `text` and `runs` and left out of everything else.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "heads/seeds/seed_match.h"
#include "heads/seeds/seed_result.h"

namespace headlight {

// A value of the heads and of its baselines; nullopt where not measured.
struct FigureSummary {
  std::string name;  // "specialization index", ...
  std::optional<Interval> heads, subspaces, untrained;
};

// A value of the heads minus that of a baseline, within each seed (seed_compare.h).
struct BaselineSummary {
  std::string name, baseline;
  PairedComparison comparison;
  std::string sentence;
};

// The loss increase on a prediction subset when the head with the largest increase there is ablated, and its share of
// the loss increase when all heads are ablated.
struct SubsetSummary {
  std::string name;
  std::optional<Interval> strongest, share;
};

// The head that carries a subset or a role, over seeds.
struct CarrierSummary {
  std::string name;
  bool is_role = false;
  Index seeds = 0;
  Index layer = 0, in_layer = 0;  // the most frequent layer and its number of seeds
  std::string role;               // of a subset's carrier: the most frequent role ...
  Index with_role = 0;            // ... and its number of seeds
  std::optional<Interval> kappa, share, second_share;
};

// Similarity of the heads of two seeds. Two seeds form a single pair, so there is no interval.
struct StabilitySummary {
  std::string name;
  Interval value;
  bool has_interval = false;
};

// Heads that share a role, ablated together, over the seeds that have such heads. Intervals are over seeds alone.
struct GroupSummary {
  std::string role;
  Index seeds = 0, causal = 0;                      // seeds with the group; seeds in which it is causal
  double heads = 0;                                 // mean number of heads
  std::optional<Interval> increase, alone, random;  // as in SeedFigures::Group
};

struct LabelCount {
  std::string label;
  Index seeds = 0;  // in which a head has the label
};

// One seed, failed or not. Values that the seed lacks are NaN.
struct SeedRun {
  Index seed = 0;
  std::string failed;
  double loss, above_floor, specialization, dissociations, prunable, unlabelled;
};

struct SeedSummary {
  std::string text;  // number of seeds, number of failed seeds, meaning of the brackets
  std::vector<FigureSummary> figures;
  std::vector<BaselineSummary> comparisons;
  std::vector<SubsetSummary> subsets;
  std::vector<GroupSummary> groups;  // by decreasing number of seeds
  std::vector<Carrier> carriers;     // of each seed
  std::vector<CarrierSummary> carrier_summaries;
  std::vector<SeedPair> pairs;
  std::vector<StabilitySummary> stability;
  std::vector<LabelCount> labels;
  bool watched = false;  // heads of some seed were measured in training; otherwise onsets and order are empty
  std::vector<OnsetSummary> onsets;
  std::vector<OnsetOrder> order;
  std::vector<SeedRun> runs;
};

SeedSummary summarize(std::span<const SeedResult> results);

// study.json and the report's "seeds". Intervals are {mean, low, high} or null:
//   text, summary [{name, heads, subspaces, untrained}],
//   comparisons [{name, less, seeds, difference, higher, lower, same, p, verdict, says}],
//   rules [{name, strongest, share}], groups [{role, seeds, causal, heads, increase, alone, random}],
//   carriers [{name, kind, seeds, layer, in_layer, role, with_role, kappa, share, second_share}],
//   stability [{name, value}], labels [{label, seeds}],
//   onset [{event, seeds, half, half_first, half_last, reached, reached_first, reached_last, reached_in}],
//   order [{first, second, by, first_earlier, second_earlier, same, p}] (both absent unless heads were watched),
//   runs [{seed, failed, loss, above_floor, specialization, dissociations, prunable, unlabelled}]
Json to_json(const SeedSummary& summary);

// A table as CSV (RFC 4180): '\n' between rows, cells quoted where necessary.
std::string csv_text(const std::vector<std::vector<std::string>>& rows);
// File name and contents of every table of a study: seeds.csv, summary.csv, comparisons.csv, rules.csv, groups.csv,
// labels.csv, heads.csv, effects.csv, carriers.csv, stability.csv, pruning.csv; onset.csv and onset_order.csv where
// heads were watched.
std::vector<std::pair<std::string, std::string>> seed_tables(std::span<const SeedResult> results,
                                                             const SeedSummary& summary);

}  // namespace headlight
