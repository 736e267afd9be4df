// The role table by name, and where the queries of a hand-made text look.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "heads/roles/head_scores.h"

namespace headlight {

inline const Role& role(const std::string& name) {
  for (const Role& r : basic_roles())
    if (r.name == name) return r;
  ADD_FAILURE() << "no role " << name;
  return basic_roles()[0];
}

// Where query t of a role looks in a text of characters.
class RoleKeys {
 public:
  explicit RoleKeys(const std::string& text)
      : vocabulary_(Vocabulary::of_text(text + "\n ", "text")),
        ids_(vocabulary_.encode(text, "text")),
        classes_(vocabulary_) {}
  RoleText text() const { return {ids_, &classes_, evidence}; }
  RoleText text(std::size_t first, std::size_t count) const {
    return {std::span(ids_).subspan(first, count), &classes_};
  }
  std::span<const std::int32_t> ids() const { return ids_; }
  std::vector<Index> keys(const std::string& name, Index t) const {
    std::vector<Index> keys;
    role(name).keys(text(), t, keys);
    return keys;
  }
  std::vector<std::int32_t> evidence;  // of what each query predicts

 private:
  Vocabulary vocabulary_;
  std::vector<std::int32_t> ids_;
  TokenClasses classes_;
};

using Keys = std::vector<Index>;

}  // namespace headlight
