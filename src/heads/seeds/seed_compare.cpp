// Paired differences, their verdict, and the sentence about them.
#include "heads/seeds/seed_compare.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "headlight/base/error.h"

namespace headlight {

namespace {

constexpr double kSame = 1e-9;

long seeds_of(const PairedComparison& c) { return static_cast<long>(c.differences.size()); }

// The side of 0 that the interval lies on: 1 above, -1 below, 0 if it contains 0.
int side_of(const Interval& i) { return i.low > kSame ? 1 : i.high < -kSame ? -1 : 0; }

// Why a comparison is not settled: the condition that fails, and whether this number of seeds can meet it at all.
std::string why_not(const PairedComparison& c) {
  const int side = side_of(c.difference);
  const bool signs = c.p <= kSettled;
  if (side == 0) return signs ? "the seeds agree, but the interval includes 0" : "no evidence of a difference";
  const char* where = side > 0 ? "above" : "below";
  const double least = sign_test(c.higher + c.lower, 0);
  if (least > kSettled)
    return cat("the interval lies ", where, " 0, but with ", c.higher + c.lower,
               c.higher + c.lower == 1 ? " seed" : " seeds", c.same > 0 ? " that differ" : "",
               " the sign test cannot reach p below ", fixed_text(least, 3));
  return cat("the interval lies ", where, " 0, but the sign test does not confirm the difference");
}

}  // namespace

PairedComparison compare_pairs(std::span<const double> heads, std::span<const double> baselines,
                               std::span<const std::vector<double>> replicates, double lowest, double highest) {
  if (heads.size() != baselines.size())
    fail("comparison by seed: ", heads.size(), " values and ", baselines.size(),
         " baselines; give one baseline per seed");
  PairedComparison c;
  double mean_baseline = 0;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const double d = heads[i] - baselines[i];
    c.differences.push_back(d);
    mean_baseline += baselines[i] / static_cast<double>(baselines.size());
    ++(std::abs(d) <= kSame ? c.same : d > 0 ? c.higher : c.lower);
  }
  c.difference = bootstrap_seeds(c.differences, replicates);
  c.difference.low = std::max(c.difference.low, lowest - mean_baseline);
  c.difference.high = std::min(c.difference.high, highest - mean_baseline);
  c.p = sign_test(c.higher, c.lower);
  return c;
}

std::string verdict_of(const PairedComparison& c) {
  if (seeds_of(c) == 1) return "one seed";
  const int side = side_of(c.difference);
  // The majority of the seeds must lie on the interval's side, because outliers can put the mean on the other side.
  const bool signs = c.p <= kSettled && (side > 0 ? c.higher > c.lower : c.lower > c.higher);
  return side == 0 || !signs ? "not settled" : side > 0 ? "higher" : "lower";
}

std::string sentence_of(const PairedComparison& c, const std::string& what, const std::string& whose) {
  const std::string verdict = verdict_of(c);
  if (verdict == "one seed")
    return cat(what, ": ", fixed_text(c.difference.mean, 3), " in a single seed, which is no evidence");
  std::string seeds = cat("above 0 in ", c.higher, " of ", seeds_of(c));
  if (c.lower > 0) seeds += cat(", below in ", c.lower);
  return cat(what, ": ", fixed_text(c.difference.mean, 3), " [", fixed_text(c.difference.low, 3), ", ",
             fixed_text(c.difference.high, 3), "] on average over seeds, ", seeds, " (sign test p ", fixed_text(c.p, 3),
             "): ", verdict == "not settled" ? cat("not settled; ", why_not(c)) : cat(whose, " ", verdict));
}

}  // namespace headlight
