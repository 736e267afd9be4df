// What studies of models that differ in their seed alone say together. The unit of replication is the seed: every interval
// here is of a mean over seeds (seed_bootstrap.h).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "headlight/heads/head_study.h"
#include "headlight/heads/onset.h"
#include "headlight/heads/seed_bootstrap.h"

namespace headlight {

// A table as CSV (RFC 4180): '\n' between rows, cells in quotes where they need them.
std::string csv_text(const std::vector<std::vector<std::string>>& rows);

// What one seed left: kept as JSON, so that a study that is taken up again has what it would have had.
//   {seed, loss, floor (or null), failed: null or why, study: to_json(HeadStudy) or null, onset: to_json(Onset) or null}
struct SeedResult {
  Index seed = 0;
  double loss = 0;                               // of validation; not a number when training diverged
  double floor = 0;                              // not a number where it is not known
  std::string failed;                            // why this seed does not count; empty: it does
  Json study;                                    // null when there was nothing to study
  std::optional<std::vector<Onset>> onset = {};  // of a run whose heads were watched
};
Json to_json(const SeedResult& result);
// Error: not such a file.
SeedResult seed_result(const Json& json, const std::string& source);

// Over the seeds that did not fail; intervals are {mean, low, high}, cut where no figure can be:
//   text       sentences: how many seeds, how many failed, what the brackets are
//   summary    [{name, heads, subspaces, untrained}], each an interval or null: loss, specialization index, double
//              dissociations, prunable fraction and that in random orders, share unlabelled
//   comparisons [{name, less, seeds, difference, higher, lower, same, p, verdict, says}]: the heads' specialization index
//              and double dissociations less those of random subspaces of the same model and of untrained models on the
//              same text, and the prunable fraction less that in random orders, within each seed (seed_compare.h)
//   rules      [{name, strongest, share}]: rise of the loss when the strongest head for these slots is ablated; and of what
//              ablating all heads costs there, its share
//   carriers   [{name, kind, seeds, layer, in_layer, role, with_role, kappa, share, second_share}]: the head that carries it
//              (seed_match.h), over seeds: the commonest layer and in how many seeds, the commonest role and in how many
//   stability  [{name, value}]: similarity of heads of two seeds, matched, unmatched and shuffled, and the share of matched
//              heads in the same layer; intervals by resampling seeds, over the pairs of those drawn (null of two seeds)
//   labels     [{label, seeds}]: in how many seeds some head has it
//   onset      [{event, seeds, half, half_first, half_last, reached, reached_first, reached_last}], steps: median and range
//   order      [{first, second, by, first_earlier, second_earlier, same, p}]
//   runs       [{seed, failed, loss, above_floor, specialization, dissociations, prunable, unlabelled}], failed ones too
// onset and order are absent unless heads were watched.
Json summarise(std::span<const SeedResult> results);

// The tables of a study, name and content: seeds.csv, summary.csv, comparisons.csv, rules.csv, labels.csv,
// stability.csv (a row for each pair of seeds); with rows for each seed, heads.csv, effects.csv, carriers.csv and
// pruning.csv; and where heads were watched, onset.csv (each seed) and onset_order.csv.
std::vector<std::pair<std::string, std::string>> seed_tables(std::span<const SeedResult> results);

// The seeds that did not fail.
std::vector<SeedResult> those_that_count(std::span<const SeedResult> results);

}  // namespace headlight
