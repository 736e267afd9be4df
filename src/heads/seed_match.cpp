#include "headlight/heads/seed_match.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "headlight/base/random.h"

namespace headlight {

namespace {

using Rows = std::vector<std::vector<double>>;

double stake_of(const JsonView& slots) {
  return slots.at("loss_without_heads").as_double() - slots.at("loss").as_double();
}

double kappa_of(const JsonView& head, const std::string& role) {
  const auto score = head.at("roles").find(role);
  return score ? score->at("kappa").as_double() : 0;
}

double rise_of(const JsonView& head, const std::string& slots) {
  return head.at("rise").at(slots).at("mean").as_double();
}

Index layer_of(const JsonView& head) {
  const std::string& name = head.at("head").as_string();
  Index layer = -1;
  if (name.size() < 2 || std::from_chars(name.data() + 1, name.data() + name.size(), layer).ec != std::errc() ||
      layer < 0)
    head.at("head").refuse("not the name of a head");
  return layer;
}

std::string role_of(const JsonView& head) { return head.at("closest_role").as_string(); }

// The heads by a value, highest first.
template <class F>
std::vector<JsonView> by_value(const std::vector<JsonView>& heads, const F& value) {
  std::vector<JsonView> sorted = heads;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const JsonView& a, const JsonView& b) { return value(a) > value(b); });
  return sorted;
}

struct Seed {
  Index seed;
  JsonView study;
  std::vector<JsonView> heads, slots;
};

std::vector<Seed> seeds_of(std::span<const SeedResult> counted) {
  std::vector<Seed> seeds;
  for (const SeedResult& r : counted) {
    const JsonView study(r.study, "study");
    seeds.push_back({r.seed, study, study.at("heads").elements(), study.at("slots").elements()});
  }
  return seeds;
}

// The stake of named slots in a seed; 0 where it has none.
double stake_in(const Seed& seed, const std::string& name) {
  for (const JsonView& s : seed.slots)
    if (s.at("name").as_string() == name) return stake_of(s);
  return 0;
}

Carrier carrier(const Seed& seed, const std::string& name, bool is_role) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const std::string slots = is_role ? "all" : name;
  const double stake = stake_in(seed, slots);
  const auto share = [&](const JsonView& head) { return stake >= kLeastStake ? rise_of(head, slots) / stake : kNone; };
  const std::vector<JsonView> sorted =
      by_value(seed.heads, [&](const JsonView& head) { return is_role ? kappa_of(head, name) : rise_of(head, slots); });
  const JsonView& first = sorted[0];
  Carrier c;
  c.name = name;
  c.is_role = is_role;
  c.seed = seed.seed;
  c.head = first.at("head").as_string();
  c.layer = layer_of(first);
  c.role = role_of(first);
  const std::string& role = is_role ? name : c.role;
  c.kappa = kappa_of(first, role);
  c.rise = rise_of(first, slots);
  c.share = share(first);
  c.second_kappa = c.second_share = kNone;
  if (sorted.size() < 2) return c;
  c.second = sorted[1].at("head").as_string();
  c.second_kappa = kappa_of(sorted[1], role);
  c.second_share = share(sorted[1]);
  return c;
}

// Names that both lists have.
std::vector<std::string> common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::string> both;
  for (const std::string& name : a)
    if (std::find(b.begin(), b.end(), name) != b.end()) both.push_back(name);
  return both;
}

std::vector<std::string> roles_of(const Seed& seed) {
  std::vector<std::string> names;
  if (seed.heads.empty()) return names;
  for (const auto& [name, score] : seed.heads[0].at("roles").members())
    if (score.at("queries").as_index() >= kLabelQueries) names.push_back(name);
  return names;
}

std::vector<std::string> slots_of(const Seed& seed) {
  std::vector<std::string> names;
  for (const JsonView& s : seed.slots)
    if (s.at("name").as_string() != "all" && stake_of(s) >= kLeastStake) names.push_back(s.at("name").as_string());
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
  const std::vector<Seed> seeds = seeds_of(counted);
  std::vector<std::string> slots, roles;
  const auto add = [](std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const Seed& seed : seeds) {
    if (seed.heads.empty()) continue;
    for (const std::string& name : slots_of(seed)) add(slots, name);
    for (const std::string& role : roles_of(seed))
      for (const JsonView& head : seed.heads)
        if (kappa_of(head, role) >= kLabelKappa) add(roles, role);
  }
  std::vector<Carrier> all;
  for (const bool is_role : {false, true})
    for (const std::string& name : is_role ? roles : slots)
      for (const Seed& seed : seeds)
        if (!seed.heads.empty() && (is_role || stake_in(seed, name) != 0)) all.push_back(carrier(seed, name, is_role));
  return all;
}

std::vector<std::size_t> best_assignment(const Rows& similarity) {
  // Shortest augmenting paths over reduced costs, a row at a time. Row and column 0 stand for none.
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
  const std::vector<Seed> seeds = seeds_of(counted);
  std::vector<SeedPair> pairs;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    for (std::size_t j = i + 1; j < seeds.size(); ++j) {
      const Seed &a = seeds[i], &b = seeds[j];
      const std::size_t n = a.heads.size();
      if (n == 0 || n != b.heads.size() || n > kMatchedHeads) continue;
      const std::vector<std::string> roles = common(roles_of(a), roles_of(b)), slots = common(slots_of(a), slots_of(b));
      const auto profiles = [&](const Seed& seed) {
        Rows rows;
        for (const JsonView& head : seed.heads) {
          std::vector<double>& row = rows.emplace_back();
          for (const std::string& role : roles) row.push_back(std::max(0.0, kappa_of(head, role)));
          for (const std::string& name : slots)
            row.push_back(std::max(0.0, rise_of(head, name)) / stake_in(seed, name));
        }
        return rows;
      };
      Rows of_a = profiles(a), of_b = profiles(b);
      scale_together(of_a, of_b, 0, roles.size());
      scale_together(of_a, of_b, roles.size(), roles.size() + slots.size());
      const Rows similarity = profile_similarity(of_a, of_b);
      const std::vector<std::size_t> match = best_assignment(similarity);
      SeedPair pair{a.seed, b.seed, mean_matched(similarity, match), 0, 0, 0};
      for (const std::vector<double>& row : similarity)
        for (const double s : row) pair.unmatched += s / static_cast<double>(n * n);
      for (std::size_t h = 0; h < n; ++h)
        pair.same_layer += (layer_of(a.heads[h]) == layer_of(b.heads[match[h]]) ? 1 : 0) / static_cast<double>(n);
      const int times = n <= 64 ? 20 : 2;
      Rng rng(mix64(static_cast<std::uint64_t>(i * seeds.size() + j)));
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
  std::map<Index, std::size_t> place;  // of a seed
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
