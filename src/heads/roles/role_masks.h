// Where roles look in given windows of a text: computed once, then held against the attention of any number of heads.
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
  // One eligible query of a role, and its keys: places within the same window, ascending.
  struct Query {
    Index window, t;
    std::size_t first, count;  // in the list of all keys
  };

  // `text` is that of windows of `length` tokens, one after another.
  RoleMasks(std::span<const Role> roles, const RoleText& text, Index length);

  std::size_t roles() const { return queries_.size(); }
  Index length() const { return length_; }
  Index windows() const { return windows_; }
  // Those of one role, by window and t.
  std::span<const Query> queries(std::size_t role) const { return queries_[role]; }
  // Those in windows begin .. end-1.
  std::span<const Query> queries(std::size_t role, Index begin, Index end) const;
  std::span<const std::int32_t> keys(const Query& query) const {
    return std::span(keys_).subspan(query.first, query.count);
  }

  // Whether what role a says is a special case of what role b says, on the queries they share: its keys lie among those of
  // b (nine tenths of them or more) and not the other way round; or they are the same and b is the role of fewer queries.
  // A head that plays a then plays b too, and a is the better name. False where fewer than half of the queries of the role
  // with fewer are shared.
  bool special_case(std::size_t a, std::size_t b) const { return special_[a * roles() + b]; }
  // Whether the two name the same places: on the queries that they share (at least half of those of the role with fewer),
  // the Jaccard index of their keys is kSameRole or more. A head that plays one then plays the other on those queries.
  bool alike(std::size_t a, std::size_t b) const { return alike_[a * roles() + b]; }

 private:
  void compare(std::size_t a, std::size_t b);

  Index length_, windows_;
  std::vector<std::vector<Query>> queries_;
  std::vector<std::int32_t> keys_;
  std::vector<bool> special_, alike_;
};

}  // namespace headlight
