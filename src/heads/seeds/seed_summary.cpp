// Means, intervals and comparisons over the seeds of a study.
#include "heads/seeds/seed_summary.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "headlight/base/error.h"

namespace headlight {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// One value per seed, with replicates where measured. Intervals are clamped to the range of the value, because shifted
// replicates may exceed it.
struct Sample {
  double lowest = -kInfinity, highest = kInfinity;
  std::vector<double> values = {};
  std::vector<std::vector<double>> replicates = {};
  void add(double value, std::vector<double> of_windows = {}) {
    if (!std::isfinite(value)) return;
    values.push_back(value);
    replicates.push_back(std::move(of_windows));
  }
  std::optional<Interval> interval() const {
    if (values.empty()) return std::nullopt;
    const Interval i = bootstrap_seeds(values, replicates);
    return Interval{i.mean, std::max(i.low, lowest), std::min(i.high, highest)};
  }
};

// A value that is averaged over seeds, with the functions that read it and its baselines from one seed.
struct Figure {
  const char* name;
  double (*heads)(const SeedResult&);
  double (*subspaces)(const SeedFigures&);
  double (*untrained)(const SeedFigures&);
  std::vector<double> SeedFigures::*replicates;
  double lowest, highest;
};

double none(const SeedFigures&) { return kUnknown; }

const Figure kLoss{
    "loss",   [](const SeedResult& r) { return r.loss; }, none, none, &SeedFigures::loss_replicates, -kInfinity,
    kInfinity};
const Figure kAboveFloor{"loss above the floor",
                         [](const SeedResult& r) { return r.loss - r.floor; },
                         none,
                         none,
                         &SeedFigures::above_floor_replicates,
                         -kInfinity,
                         kInfinity};
const Figure kSpecialization{"specialization index",
                             [](const SeedResult& r) { return r.figures->specialization; },
                             [](const SeedFigures& f) { return mean_of(f.specialization_subspaces); },
                             [](const SeedFigures& f) { return mean_of(f.specialization_untrained); },
                             &SeedFigures::specialization_replicates,
                             0,
                             1};
const Figure kDissociations{"double dissociations",
                            [](const SeedResult& r) { return r.figures->dissociations; },
                            [](const SeedFigures& f) { return mean_of(f.dissociations_subspaces); },
                            [](const SeedFigures& f) { return mean_of(f.dissociations_untrained); },
                            &SeedFigures::dissociations_replicates,
                            0,
                            kInfinity};
const Figure kPrunable{"prunable fraction",
                       [](const SeedResult& r) { return r.figures->prunable; },
                       none,
                       none,
                       &SeedFigures::prunable_replicates,
                       0,
                       1};
const Figure kPrunableAtRandom{"prunable fraction, random orders",
                               [](const SeedResult& r) { return mean_of(r.figures->prunable_random); },
                               none,
                               none,
                               nullptr,
                               -kInfinity,
                               kInfinity};
const Figure kUnlabelled{"unlabelled share",
                         [](const SeedResult& r) { return r.figures->unlabelled_share; },
                         none,
                         none,
                         nullptr,
                         -kInfinity,
                         kInfinity};
const Figure kCausal{
    "causal share", [](const SeedResult& r) { return r.figures->causal_share; }, none, none, nullptr, -kInfinity,
    kInfinity};
const Figure kCausalGroups{"share in causal groups",
                           [](const SeedResult& r) { return r.figures->causal_group_share; },
                           none,
                           none,
                           nullptr,
                           -kInfinity,
                           kInfinity};
const Figure kOneHead{"sources with one head",
                      [](const SeedResult& r) { return r.figures->sources_with_one_head; },
                      none,
                      none,
                      nullptr,
                      -kInfinity,
                      kInfinity};
const Figure* const kFigures[] = {&kLoss,     &kAboveFloor,       &kOneHead,    &kSpecialization, &kDissociations,
                                  &kPrunable, &kPrunableAtRandom, &kUnlabelled, &kCausal,         &kCausalGroups};

// The mean loss increase of the role groups, ablated one at a time, and its baseline. Only of groups of several heads.
double mean_over_groups(const SeedResult& r, double SeedFigures::Group::*value) {
  std::vector<double> values;
  for (const SeedFigures::Group& g : r.figures->groups)
    if (g.heads > 1) values.push_back(g.*value);
  return mean_of(values);
}
const Figure kGroupIncrease{"loss increase of role groups",
                            [](const SeedResult& r) { return mean_over_groups(r, &SeedFigures::Group::increase); },
                            none,
                            none,
                            nullptr,
                            -kInfinity,
                            kInfinity};

std::vector<double> replicates_of(const Figure& figure, const SeedResult& r) {
  return figure.replicates ? (*r.figures).*figure.replicates : std::vector<double>{};
}

FigureSummary summarize_figure(const Figure& figure, std::span<const SeedResult> counted) {
  Sample heads{.lowest = figure.lowest, .highest = figure.highest}, subspaces, untrained;
  for (const SeedResult& r : counted) {
    heads.add(figure.heads(r), replicates_of(figure, r));
    subspaces.add(figure.subspaces(*r.figures));
    untrained.add(figure.untrained(*r.figures));
  }
  return {figure.name, heads.interval(), subspaces.interval(), untrained.interval()};
}

// Adds a comparison over the seeds in which both the value and `baseline_value` are known; none if there are no such
// seeds.
template <class Value>
void add_comparison(std::vector<BaselineSummary>& all, const Figure& figure, const char* who, const char* verb,
                    const char* baseline, const Value& baseline_value, std::span<const SeedResult> counted) {
  std::vector<double> heads, baselines;
  std::vector<std::vector<double>> replicates;
  for (const SeedResult& r : counted) {
    const double mine = figure.heads(r), other = baseline_value(r);
    if (!std::isfinite(mine) || !std::isfinite(other)) continue;
    heads.push_back(mine);
    baselines.push_back(other);
    replicates.push_back(replicates_of(figure, r));
  }
  if (heads.empty()) return;
  const PairedComparison c = compare_pairs(heads, baselines, replicates, figure.lowest, figure.highest);
  all.push_back({figure.name, baseline, c,
                 sentence_of(c, cat(figure.name, ", ", who, " minus ", baseline), cat(who, " ", verb))});
}

std::vector<BaselineSummary> comparisons(std::span<const SeedResult> counted) {
  std::vector<BaselineSummary> all;
  for (const Figure* figure : {&kSpecialization, &kDissociations}) {
    add_comparison(
        all, *figure, "heads", "are", "random subspaces",
        [&](const SeedResult& r) { return figure->subspaces(*r.figures); }, counted);
    add_comparison(
        all, *figure, "heads", "are", "untrained models",
        [&](const SeedResult& r) { return figure->untrained(*r.figures); }, counted);
  }
  add_comparison(
      all, kGroupIncrease, "groups", "are", "random sets of heads",
      [](const SeedResult& r) { return mean_over_groups(r, &SeedFigures::Group::random); }, counted);
  add_comparison(all, kPrunable, "greedy order", "is", "random orders", kPrunableAtRandom.heads, counted);
  return all;
}

std::vector<SubsetSummary> subsets(std::span<const SeedResult> counted) {
  std::vector<std::string> order;
  std::map<std::string, std::pair<Sample, Sample>> by_name;
  for (const SeedResult& r : counted) {
    const SeedFigures& f = *r.figures;
    for (std::size_t s = 0; s < f.subsets.size(); ++s) {
      double most = 0;
      for (const SeedFigures::Head& head : f.heads) most = std::max(most, head.increase[s].mean);
      const double stake = f.subsets[s].stake();
      if (by_name.count(f.subsets[s].name) == 0) order.push_back(f.subsets[s].name);
      auto& [strongest, share] = by_name[f.subsets[s].name];
      strongest.add(most, f.subset_replicates[s].strongest);
      share.add(stake >= kMinStake ? most / stake : kUnknown, f.subset_replicates[s].share);
    }
  }
  std::vector<SubsetSummary> all;
  for (const std::string& name : order)
    all.push_back({name, by_name[name].first.interval(), by_name[name].second.interval()});
  return all;
}

std::vector<GroupSummary> groups(std::span<const SeedResult> counted) {
  struct Samples {
    GroupSummary summary;
    Sample increase, alone, random;
  };
  std::map<std::string, Samples> by_role;
  for (const SeedResult& r : counted)
    for (const SeedFigures::Group& g : r.figures->groups) {
      Samples& s = by_role[g.role];
      s.summary.role = g.role;
      ++s.summary.seeds;
      s.summary.causal += g.causal ? 1 : 0;
      s.summary.heads += static_cast<double>(g.heads);
      s.increase.add(g.increase);
      s.alone.add(g.alone);
      s.random.add(g.random);
    }
  std::vector<GroupSummary> all;
  for (auto& [role, s] : by_role) {
    s.summary.heads /= static_cast<double>(s.summary.seeds);
    s.summary.increase = s.increase.interval();
    s.summary.alone = s.alone.interval();
    s.summary.random = s.random.interval();
    all.push_back(s.summary);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.seeds > b.seeds; });
  return all;
}

std::vector<LabelCount> labels(std::span<const SeedResult> counted) {
  std::map<std::string, Index> seeds;
  for (const SeedResult& r : counted) {
    std::map<std::string, bool> found;
    for (const SeedFigures::Head& head : r.figures->heads)
      if (!head.label.empty()) found[head.label] = true;
    for (const auto& [label, yes] : found) ++seeds[label];
  }
  std::vector<LabelCount> all;
  for (const auto& [label, count] : seeds) all.push_back({label, count});
  return all;
}

std::vector<StabilitySummary> stability(std::span<const SeedPair> pairs) {
  if (pairs.empty()) return {};
  const bool has_interval = pairs.size() > 1;
  const auto of = [&](const char* name, double SeedPair::*figure) {
    return StabilitySummary{name, interval_of_pairs(pairs, figure), has_interval};
  };
  return {of("similarity of matched heads", &SeedPair::matched),
          of("the same, of all pairs of heads", &SeedPair::unmatched),
          of("the same, matched after shuffling profiles", &SeedPair::shuffled),
          of("matched heads in the same layer", &SeedPair::same_layer)};
}

// The most frequent value and its count; the first if several are equally frequent.
template <class T>
std::pair<T, Index> commonest(const std::vector<T>& values) {
  std::pair<T, Index> best{T{}, 0};
  for (const T& value : values)
    if (const auto n = static_cast<Index>(std::count(values.begin(), values.end(), value)); n > best.second)
      best = {value, n};
  return best;
}

std::vector<CarrierSummary> summarize_carriers(std::span<const Carrier> all) {
  std::vector<CarrierSummary> summaries;
  for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
    while (end < all.size() && all[end].name == all[begin].name && all[end].is_role == all[begin].is_role) ++end;
    std::vector<Index> layers;
    std::vector<std::string> roles;
    Sample kappa, share, second;
    for (const Carrier& c : all.subspan(begin, end - begin)) {
      layers.push_back(c.head.layer);
      roles.push_back(c.role);
      kappa.add(c.kappa);
      share.add(c.share);
      second.add(c.second_share);
    }
    CarrierSummary& s = summaries.emplace_back();
    s.name = all[begin].name;
    s.is_role = all[begin].is_role;
    s.seeds = static_cast<Index>(end - begin);
    std::tie(s.layer, s.in_layer) = commonest(layers);
    if (!s.is_role) std::tie(s.role, s.with_role) = commonest(roles);
    s.kappa = kappa.interval();
    s.share = share.interval();
    s.second_share = second.interval();
  }
  return summaries;
}

SeedRun run_of(const SeedResult& r) {
  SeedRun run{r.seed, r.failed, r.loss, r.loss - r.floor, kUnknown, kUnknown, kUnknown, kUnknown};
  if (!r.figures) return run;
  run.specialization = r.figures->specialization;
  run.dissociations = r.figures->dissociations;
  run.prunable = r.figures->prunable;
  run.unlabelled = r.figures->unlabelled_share;
  return run;
}

}  // namespace

SeedSummary summarize(std::span<const SeedResult> results) {
  const std::vector<SeedResult> counted = counted_results(results);
  const std::size_t failed = results.size() - counted.size();
  SeedSummary all;
  all.text =
      cat(results.size(), results.size() == 1 ? " seed, " : " seeds, ",
          failed == 0 ? "none failed" : cat(failed, " failed and excluded from the means"),
          ". Brackets: the 95% interval of the mean over seeds, by bootstrap over seeds and then over windows of "
          "the text (over seeds alone for baselines, random orders, labels, groups and carriers).",
          !counted.empty() && counted[0].figures->over_sources
              ? " The specialization index is that over sources, with intervals over seeds alone."
              : "",
          counted.size() == 1 ? " A single seed is no evidence about other seeds." : "");
  if (!counted.empty())
    for (const Figure* figure : kFigures)
      if (FigureSummary f = summarize_figure(*figure, counted); f.heads) all.figures.push_back(std::move(f));
  all.comparisons = comparisons(counted);
  all.subsets = subsets(counted);
  all.groups = groups(counted);
  all.carriers = carriers(counted);
  all.carrier_summaries = summarize_carriers(all.carriers);
  all.pairs = match_seeds(counted);
  all.stability = stability(all.pairs);
  all.labels = labels(counted);
  std::vector<std::vector<Onset>> watched;
  for (const SeedResult& r : counted)
    if (r.onset) watched.push_back(*r.onset);
  all.watched = !watched.empty();
  if (all.watched) {
    all.onsets = summarize_onsets(watched);
    all.order = onset_order(watched);
  }
  for (const SeedResult& r : results) all.runs.push_back(run_of(r));
  return all;
}

}  // namespace headlight
