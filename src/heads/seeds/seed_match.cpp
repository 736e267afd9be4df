// Carriers, matching of heads by assignment, and intervals over pairs of seeds.
#include "heads/seeds/seed_match.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "headlight/base/random.h"

namespace headlight {

namespace {

using Rows = std::vector<std::vector<double>>;

using Head = SeedFigures::Head;

// Pointers to the heads, by descending value.
template <class F>
std::vector<const Head*> by_value(std::span<const Head> heads, const F& value) {
  std::vector<const Head*> sorted;
  for (const Head& head : heads) sorted.push_back(&head);
  std::stable_sort(sorted.begin(), sorted.end(), [&](const Head* a, const Head* b) { return value(*a) > value(*b); });
  return sorted;
}

// The stake of a named subset in a seed; 0 where it has none.
double stake_in(const SeedFigures& seed, const std::string& name) {
  const auto s = seed.subset(name);
  return s ? seed.subsets[*s].stake() : 0;
}

Carrier carrier(const SeedResult& result, const std::string& name, bool is_role) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const SeedFigures& seed = *result.figures;
  const std::size_t subset = *seed.subset(is_role ? "all" : name);
  const double stake = seed.subsets[subset].stake();
  const auto share = [&](const Head& head) { return stake >= kMinStake ? head.increase[subset].mean / stake : kNone; };
  const std::vector<const Head*> sorted =
      by_value(seed.heads, [&](const Head& head) { return is_role ? head.kappa(name) : head.increase[subset].mean; });
  const Head& first = *sorted[0];
  Carrier c;
  c.name = name;
  c.is_role = is_role;
  c.seed = result.seed;
  c.head = first.id;
  c.role = first.closest_role;
  const std::string& role = is_role ? name : c.role;
  c.kappa = first.kappa(role);
  c.increase = first.increase[subset].mean;
  c.share = share(first);
  c.second_kappa = c.second_share = kNone;
  if (sorted.size() < 2) return c;
  c.second = sorted[1]->id;
  c.second_kappa = sorted[1]->kappa(role);
  c.second_share = share(*sorted[1]);
  return c;
}

// The names that are in both lists.
std::vector<std::string> common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::string> both;
  for (const std::string& name : a)
    if (std::find(b.begin(), b.end(), name) != b.end()) both.push_back(name);
  return both;
}

// Roles with enough queries.
std::vector<std::string> roles_of(const SeedFigures& seed) {
  std::vector<std::string> names;
  if (seed.heads.empty()) return names;
  for (const SeedFigures::RoleKappa& r : seed.heads[0].roles)
    if (r.queries >= kLabelQueries) names.push_back(r.name);
  return names;
}

// The prediction subsets on which heads matter, without "all".
std::vector<std::string> subsets_of(const SeedFigures& seed) {
  std::vector<std::string> names;
  for (const SeedFigures::Subset& s : seed.subsets)
    if (s.name != "all" && s.stake() >= kMinStake) names.push_back(s.name);
  return names;
}

void scale_together(Rows& a, Rows& b, std::size_t begin, std::size_t end) {
  double squares = 0;
  for (const Rows* rows : {&a, &b})
    for (const std::vector<double>& row : *rows)
      for (std::size_t i = begin; i < end; ++i) squares += row[i] * row[i];
  if (!(squares > 0)) return;
  const double scale = std::sqrt(static_cast<double>(a.size() + b.size()) / squares);
  for (Rows* rows : {&a, &b})
    for (std::vector<double>& row : *rows)
      for (std::size_t i = begin; i < end; ++i) row[i] *= scale;
}

double mean_matched(const Rows& similarity, std::span<const std::size_t> match) {
  double sum = 0;
  for (std::size_t i = 0; i < match.size(); ++i) sum += similarity[i][match[i]];
  return match.empty() ? 0 : sum / static_cast<double>(match.size());
}

Rows shuffled_columns(Rows rows, Rng& rng) {
  for (std::size_t c = 0; !rows.empty() && c < rows[0].size(); ++c)
    for (std::size_t i = rows.size() - 1; i > 0; --i)
      std::swap(rows[i][c], rows[static_cast<std::size_t>(rng.below(static_cast<Index>(i) + 1))][c]);
  return rows;
}

}  // namespace

std::vector<Carrier> carriers(std::span<const SeedResult> counted) {
  std::vector<std::string> subsets, roles;
  const auto add = [](std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const SeedResult& r : counted) {
    if (r.figures->heads.empty()) continue;
    for (const std::string& name : subsets_of(*r.figures)) add(subsets, name);
    for (const std::string& role : roles_of(*r.figures))
      for (const Head& head : r.figures->heads)
        if (head.kappa(role) >= kLabelKappa) add(roles, role);
  }
  std::vector<Carrier> all;
  for (const bool is_role : {false, true})
    for (const std::string& name : is_role ? roles : subsets)
      for (const SeedResult& r : counted)
        if (!r.figures->heads.empty() && (is_role || stake_in(*r.figures, name) != 0))
          all.push_back(carrier(r, name, is_role));
  return all;
}

std::vector<std::size_t> best_assignment(const Rows& similarity) {
  // Shortest augmenting paths over reduced costs, one row at a time. Row and column 0 mean "unassigned".
  const std::size_t n = similarity.size();
  constexpr double kFar = std::numeric_limits<double>::infinity();
  std::vector<double> row_price(n + 1, 0.0), column_price(n + 1, 0.0);
  std::vector<std::size_t> row_of(n + 1, 0), came_from(n + 1, 0);
  for (std::size_t row = 1; row <= n; ++row) {
    std::vector<double> distance(n + 1, kFar);
    std::vector<bool> done(n + 1, false);
    row_of[0] = row;
    std::size_t column = 0;
    do {
      done[column] = true;
      const std::size_t at = row_of[column];
      double step = kFar;
      std::size_t next = 0;
      for (std::size_t c = 1; c <= n; ++c) {
        if (done[c]) continue;
        const double cost = -similarity[at - 1][c - 1] - row_price[at] - column_price[c];
        if (cost < distance[c]) distance[c] = cost, came_from[c] = column;
        if (distance[c] < step) step = distance[c], next = c;
      }
      for (std::size_t c = 0; c <= n; ++c) {
        if (done[c]) row_price[row_of[c]] += step, column_price[c] -= step;
        else distance[c] -= step;
      }
      column = next;
    } while (row_of[column] != 0);
    for (; column != 0; column = came_from[column]) row_of[column] = row_of[came_from[column]];
  }
  std::vector<std::size_t> column_of(n, 0);
  for (std::size_t c = 1; c <= n; ++c) column_of[row_of[c] - 1] = c - 1;
  return column_of;
}

Rows profile_similarity(const Rows& a, const Rows& b) {
  const auto dot = [](const std::vector<double>& p, const std::vector<double>& q) {
    double sum = 0;
    for (std::size_t i = 0; i < p.size(); ++i) sum += p[i] * q[i];
    return sum;
  };
  Rows similarity;
  for (const std::vector<double>& p : a) {
    std::vector<double>& row = similarity.emplace_back();
    for (const std::vector<double>& q : b) {
      const double size = dot(p, p) + dot(q, q);
      row.push_back(size > 0 ? 2 * dot(p, q) / size : 0);
    }
  }
  return similarity;
}

std::vector<SeedPair> match_seeds(std::span<const SeedResult> counted) {
  std::vector<SeedPair> pairs;
  for (std::size_t i = 0; i < counted.size(); ++i) {
    for (std::size_t j = i + 1; j < counted.size(); ++j) {
      const SeedFigures &a = *counted[i].figures, &b = *counted[j].figures;
      const std::size_t n = a.heads.size();
      if (n == 0 || n != b.heads.size() || n > kMatchedHeads) continue;
      const std::vector<std::string> roles = common(roles_of(a), roles_of(b)),
                                     subsets = common(subsets_of(a), subsets_of(b));
      const auto profiles = [&](const SeedFigures& seed) {
        Rows rows;
        for (const Head& head : seed.heads) {
          std::vector<double>& row = rows.emplace_back();
          for (const std::string& role : roles) row.push_back(std::max(0.0, head.kappa(role)));
          for (const std::string& name : subsets)
            row.push_back(std::max(0.0, head.increase[*seed.subset(name)].mean) / stake_in(seed, name));
        }
        return rows;
      };
      Rows of_a = profiles(a), of_b = profiles(b);
      scale_together(of_a, of_b, 0, roles.size());
      scale_together(of_a, of_b, roles.size(), roles.size() + subsets.size());
      const Rows similarity = profile_similarity(of_a, of_b);
      const std::vector<std::size_t> match = best_assignment(similarity);
      SeedPair pair{counted[i].seed, counted[j].seed, mean_matched(similarity, match), 0, 0, 0};
      for (const std::vector<double>& row : similarity)
        for (const double s : row) pair.unmatched += s / static_cast<double>(n * n);
      for (std::size_t h = 0; h < n; ++h)
        pair.same_layer += (a.heads[h].id.layer == b.heads[match[h]].id.layer ? 1 : 0) / static_cast<double>(n);
      const int times = n <= 64 ? 20 : 2;
      Rng rng(mix64(static_cast<std::uint64_t>(i * counted.size() + j)));
      for (int t = 0; t < times; ++t) {
        const Rows null = profile_similarity(shuffled_columns(of_a, rng), shuffled_columns(of_b, rng));
        pair.shuffled += mean_matched(null, best_assignment(null)) / times;
      }
      pairs.push_back(pair);
    }
  }
  return pairs;
}

Interval interval_of_pairs(std::span<const SeedPair> pairs, double SeedPair::*figure, int resamples) {
  if (pairs.empty()) fail("bootstrap: no pairs of seeds");
  std::map<Index, std::size_t> place;  // seed -> its index
  for (const SeedPair& p : pairs) place.emplace(p.seed_a, 0), place.emplace(p.seed_b, 0);
  std::size_t next = 0;
  for (auto& [seed, at] : place) at = next++;
  double mean = 0;
  for (const SeedPair& p : pairs) mean += p.*figure / static_cast<double>(pairs.size());
  Rng rng(mix64(1));
  std::vector<double> means;
  for (int r = 0; r < resamples; ++r) {
    std::vector<double> drawn(place.size(), 0.0);
    for (std::size_t k = 0; k < place.size(); ++k)
      drawn[static_cast<std::size_t>(rng.below(static_cast<Index>(place.size())))] += 1;
    double sum = 0, weight = 0;
    for (const SeedPair& p : pairs) {
      const double times = drawn[place[p.seed_a]] * drawn[place[p.seed_b]];
      sum += times * p.*figure;
      weight += times;
    }
    if (weight > 0) means.push_back(sum / weight);
  }
  return percentile_interval(mean, std::move(means));
}

}  // namespace headlight
