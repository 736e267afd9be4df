// What studies of models that differ in their seed alone say together. The unit of replication is the seed: every interval
// here is of a mean over seeds.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "headlight/heads/head_study.h"

namespace headlight {

struct Interval {
  double mean = 0, low = 0, high = 0;
};
// The mean with its 95% interval, by bootstrap over the values (percentiles of resampled means). Of a single value low and
// high are that value: one seed tells nothing of others. Error: no values.
Interval bootstrap_mean(std::span<const double> values, std::uint64_t seed = 1, int resamples = 2000);

// A table as CSV (RFC 4180): '\n' between rows, cells in quotes where they need them.
std::string csv_text(const std::vector<std::vector<std::string>>& rows);

// What one seed left: kept as JSON, so that a study that is taken up again has what it would have had.
//   {seed, loss, floor (or null), failed: null or why, study: to_json(HeadStudy) or null}
struct SeedResult {
  Index seed = 0;
  double loss = 0;     // of validation; not a number when training diverged
  double floor = 0;    // not a number where it is not known
  std::string failed;  // why this seed does not count; empty: it does
  Json study;          // null when there was nothing to study
};
Json to_json(const SeedResult& result);
// Error: not such a file.
SeedResult seed_result(const Json& json, const std::string& source);

// Over the seeds that did not fail:
//   text     a sentence: how many seeds, how many failed
//   summary  [{name, heads, subspaces, untrained}], each an interval {mean, low, high} or null: specialization index, double
//            dissociations, prunable fraction and that in random orders, share unlabelled
//   rules    [{name, strongest, share}]: rise of the loss when the strongest head for these slots is ablated; and of what
//            ablating all heads costs there, its share
//   labels   [{label, seeds}]: in how many seeds some head has it
//   runs     [{seed, failed, loss, above_floor, specialization, dissociations, prunable, unlabelled}], failed ones too
Json summarise(std::span<const SeedResult> results);

// The tables of a study, name and content: seeds.csv, summary.csv, rules.csv, labels.csv, and with a row for each seed and
// head, heads.csv and effects.csv.
std::vector<std::pair<std::string, std::string>> seed_tables(std::span<const SeedResult> results);

}  // namespace headlight
