// Role masks: the keys of each role in given windows of a text, computed once and compared with the attention of every
// head.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "heads/roles/head_windows.h"
#include "heads/roles/roles.h"

namespace headlight {

inline constexpr double kSameRole = 0.8;

class RoleMasks {
 public:
  // One eligible query of a role, and its keys: positions within the same window, ascending.
  struct Query {
    Index window, t;
    std::size_t first, count;  // range in the list of all keys
  };

  // `text` holds windows of `length` tokens, concatenated.
  RoleMasks(std::span<const Role> roles, const RoleText& text, Index length);

  std::size_t roles() const { return queries_.size(); }
  Index length() const { return length_; }
  Index windows() const { return windows_; }
  // The queries of one role, sorted by window and t.
  std::span<const Query> queries(std::size_t role) const { return queries_[role]; }
  // The queries of one role in windows begin .. end-1.
  std::span<const Query> queries(std::size_t role, Index begin, Index end) const;
  std::span<const std::int32_t> keys(const Query& query) const {
    return std::span(keys_).subspan(query.first, query.count);
  }

  // Whether role a is a special case of role b: on their shared queries, at least 90% of a's keys are keys of b. If the
  // reverse holds too, the role with more queries is the special case. A head with role a then has role b too, and a
  // describes the head more precisely. False if the roles share fewer than half of the queries of the role with fewer
  // queries.
  bool special_case(std::size_t a, std::size_t b) const { return special_[a * roles() + b]; }
  // Whether two roles have nearly the same keys: on their shared queries, the Jaccard index of their keys is at least
  // kSameRole. On those queries, a head with one of the roles then has the other too. False if the roles share too few
  // queries, as above.
  bool alike(std::size_t a, std::size_t b) const { return alike_[a * roles() + b]; }

 private:
  void compare(std::size_t a, std::size_t b);

  Index length_, windows_;
  std::vector<std::vector<Query>> queries_;
  std::vector<std::int32_t> keys_;
  std::vector<bool> special_, alike_;
};

}  // namespace headlight
