// Heads of different seeds beside each other. Their numbers mean nothing: what was head 1 in one seed may be head 3 in the
// next. So they are matched by what they do.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "headlight/heads/seed_study.h"

namespace headlight {

// Which head of a seed carries something, and how far it is alone in that.
struct Carrier {
  std::string name;      // of slots, or of a role
  bool is_role = false;  // slots: the head with the largest rise there; role: the head with the highest kappa
  Index seed = 0;
  std::string head;  // "L0H2"
  Index layer = 0;
  std::string role;    // its label, or the role that comes closest
  double kappa = 0;    // for that role; of a role, for this one
  double rise = 0;     // of the loss when it is ablated: on the slots; of a role, over all predictions
  double share = 0;    // that, of what ablating all heads costs there; not a number below kLeastStake
  std::string second;  // the next head by the same measure; empty in a model of one head
  double second_kappa = 0, second_share = 0;
};
// For each of the slots that heads matter for in some seed (kLeastStake), and for each role that some head of some seed plays
// with kappa kLabelKappa: its carrier in each seed. In the order of slots, then of roles; within each, of seeds.
std::vector<Carrier> carriers(std::span<const SeedResult> counted);

// The pairing of rows with columns that has the highest sum, for a square matrix: column of each row (Kuhn 1955, Munkres
// 1957; n^3 steps).
std::vector<std::size_t> best_assignment(const std::vector<std::vector<double>>& similarity);

// How alike heads p (rows of a) and q (rows of b) are: 2 p.q / (|p|^2 + |q|^2), which is 1 only for equal profiles; 0 for two
// that are all zero.
std::vector<std::vector<double>> profile_similarity(const std::vector<std::vector<double>>& a,
                                                    const std::vector<std::vector<double>>& b);

// Two seeds, their heads matched so that the sum of similarities of profiles is highest. A profile is the head's kappa for
// each role (negative ones as 0), beside the damage D its ablation does to each of the slots (specialization.h); each of the
// two parts is scaled so that its mean square length over all heads of both seeds is 1. "all" is no part of it.
struct SeedPair {
  Index seed_a = 0, seed_b = 0;
  double matched = 0;    // mean similarity of matched heads
  double unmatched = 0;  // of all pairs of heads: what a random pairing gives
  double shuffled =
      0;  // matched again, after each part of the profiles was dealt anew among the heads of its seed: what
          // matching alone makes of heads that are no recurring kinds
  double same_layer = 0;  // share of matched heads in the same layer
};
inline constexpr std::size_t kMatchedHeads = 256;  // models with more are not matched
std::vector<SeedPair> match_seeds(std::span<const SeedResult> counted);

// The mean of a figure over pairs, with its 95% interval: pairs share seeds, so seeds are resampled, and the mean is over
// the pairs of different seeds among those drawn. Error: no pairs.
Interval interval_of_pairs(std::span<const SeedPair> pairs, double SeedPair::*figure, int resamples = 2000);

}  // namespace headlight
