// Comparison of the heads of different seeds. Head numbers mean nothing across seeds: head 1 of one seed may correspond
// to head 3 of the next. Heads are therefore matched by what they attend to and what they do.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heads/seeds/seed_compare.h"
#include "heads/seeds/seed_result.h"

namespace headlight {

// The head of one seed that carries a prediction subset or a role.
struct Carrier {
  std::string name;      // of the subset, or of the role
  bool is_role = false;  // subset: the head whose ablation costs most there; role: the head with the highest kappa
  Index seed = 0;
  HeadId head;
  std::string role;              // its label or closest role
  double kappa = 0;              // for `role`; if is_role, for the role `name`
  double increase = 0;           // loss increase when ablated, on the subset; if is_role, over all predictions
  double share = 0;              // increase divided by the loss increase without all heads; NaN below kMinStake
  std::optional<HeadId> second;  // the next head by the same measure
  double second_kappa = 0, second_share = 0;
};
// The carriers in each seed: for every subset with a stake of at least kMinStake in some seed, and for every role
// with kappa >= kLabelKappa of some head in some seed. Subsets come first, then roles; each by seed.
std::vector<Carrier> carriers(std::span<const SeedResult> counted);

// The assignment of rows to columns of a square matrix that maximizes the sum of the assigned elements. Returns the
// column of each row. Hungarian method (Kuhn 1955, Munkres 1957), O(n^3).
std::vector<std::size_t> best_assignment(const std::vector<std::vector<double>>& similarity);

// Similarity of heads p (rows of a) and q (rows of b): 2 p.q / (|p|^2 + |q|^2), which is 1 only for equal profiles; 0
// for two zero profiles.
std::vector<std::vector<double>> profile_similarity(const std::vector<std::vector<double>>& a,
                                                    const std::vector<std::vector<double>>& b);

// Two seeds whose heads are matched to maximize the sum of profile similarities. A profile is the head's kappa for each
// role (negative values as 0), beside the damage D of its ablation on each subset (specialization.h) except "all"; each
// of the two parts is scaled so that its mean square length over all heads of both seeds is 1.
struct SeedPair {
  Index seed_a = 0, seed_b = 0;
  double matched = 0;    // mean similarity of matched heads
  double unmatched = 0;  // mean over all pairs of heads: the value of a random pairing
  // Mean similarity when heads are matched after each part of the profiles was permuted among the heads of its seed.
  // This is the null value, because matching finds similarity even among heads that do not recur.
  double shuffled = 0;
  double same_layer = 0;  // share of matched heads in the same layer
};
inline constexpr std::size_t kMatchedHeads = 256;  // models with more heads are not matched
std::vector<SeedPair> match_seeds(std::span<const SeedResult> counted);

// The mean of a value over pairs, with its 95% interval. Pairs share seeds, so seeds are resampled, not pairs. The mean
// of a resample is over all its pairs of different seeds. Error: no pairs.
Interval interval_of_pairs(std::span<const SeedPair> pairs, double SeedPair::*figure, int resamples = 2000);

}  // namespace headlight
