// The keys of each role's queries, and the comparison of roles.
#include "heads/roles/role_masks.h"

#include <algorithm>

namespace headlight {

namespace {
constexpr double kContained = 0.9;
}

RoleMasks::RoleMasks(std::span<const Role> roles, const RoleText& text, Index length)
    : length_(length),
      windows_(static_cast<Index>(text.ids.size()) / length),
      queries_(roles.size()),
      special_(roles.size() * roles.size(), false),
      alike_(special_) {
  std::vector<Index> keys;
  for (Index w = 0; w < windows_; ++w) {
    const auto first = static_cast<std::size_t>(w * length), size = static_cast<std::size_t>(length);
    RoleText one = text;
    one.ids = text.ids.subspan(first, size);
    if (!text.evidence.empty()) one.evidence = text.evidence.subspan(first, size);
    if (!text.rule.empty()) one.rule = text.rule.subspan(first, size);
    for (std::span<const std::int32_t>& expert : one.experts) expert = expert.subspan(first, size);
    for (std::size_t r = 0; r < roles.size(); ++r) {
      for (Index t = 0; t < length; ++t) {
        keys.clear();
        roles[r].keys(one, t, keys);
        if (keys.empty()) continue;
        queries_[r].push_back({w, t, keys_.size(), keys.size()});
        for (const Index j : keys) keys_.push_back(static_cast<std::int32_t>(j));
      }
    }
  }
  for (std::size_t a = 0; a < roles.size(); ++a)
    for (std::size_t b = a + 1; b < roles.size(); ++b) compare(a, b);
}

std::span<const RoleMasks::Query> RoleMasks::queries(std::size_t role, Index begin, Index end) const {
  const std::vector<Query>& all = queries_[role];
  const auto from = [&](Index window) {
    return std::lower_bound(all.begin(), all.end(), window, [](const Query& q, Index w) { return q.window < w; });
  };
  return {from(begin), from(end)};
}

void RoleMasks::compare(std::size_t a, std::size_t b) {
  const std::vector<Query>&of_a = queries_[a], &of_b = queries_[b];
  if (of_a.empty() || of_b.empty()) return;
  double a_within_b = 0, b_within_a = 0, in_both = 0, in_either = 0;
  Index shared = 0;
  for (std::size_t i = 0, j = 0; i < of_a.size() && j < of_b.size();) {
    const Index place_a = of_a[i].window * length_ + of_a[i].t, place_b = of_b[j].window * length_ + of_b[j].t;
    if (place_a != place_b) {
      ++(place_a < place_b ? i : j);
      continue;
    }
    const auto keys_a = keys(of_a[i++]), keys_b = keys(of_b[j++]);
    Index both = 0;
    for (std::size_t k = 0, m = 0; k < keys_a.size() && m < keys_b.size();) {
      if (keys_a[k] == keys_b[m]) ++both, ++k, ++m;
      else ++(keys_a[k] < keys_b[m] ? k : m);
    }
    a_within_b += static_cast<double>(both) / static_cast<double>(keys_a.size());
    b_within_a += static_cast<double>(both) / static_cast<double>(keys_b.size());
    in_both += static_cast<double>(both);
    in_either += static_cast<double>(keys_a.size() + keys_b.size()) - static_cast<double>(both);
    ++shared;
  }
  if (2 * shared < static_cast<Index>(std::min(of_a.size(), of_b.size()))) return;
  alike_[a * roles() + b] = alike_[b * roles() + a] = shared > 0 && in_both >= kSameRole * in_either;
  const bool inside_b = a_within_b >= kContained * static_cast<double>(shared);
  const bool inside_a = b_within_a >= kContained * static_cast<double>(shared);
  if (!inside_a && !inside_b) return;
  const bool a_first = inside_a && inside_b ? of_a.size() >= of_b.size() : inside_b;
  special_[a_first ? a * roles() + b : b * roles() + a] = true;
}

}  // namespace headlight
