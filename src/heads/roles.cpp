#include "headlight/heads/roles.h"

namespace headlight {

namespace {

constexpr Index kFirstFrom = 8;      // nearer, "the first" cannot be told from "a few back"
constexpr Index kSpaceDistance = 2;  // at 1 it would be "previous"
constexpr Index kLineDistance = 8;
constexpr Index kLongestOffset = 16;

// The last place at or before `from` whose token has the property, or -1.
Index last_with(const RoleText& text, const std::vector<bool>& property, Index from) {
  Index j = from;
  while (j >= 0 && !property[static_cast<std::size_t>(text.ids[static_cast<std::size_t>(j)])]) --j;
  return j;
}

void add_offset(std::vector<Role>& roles, Index k, const char* name, const char* family) {
  roles.push_back({name, cat("the character ", k, " places back"),
                   [k](const RoleText&, Index t, std::vector<Index>& keys) {
                     if (t >= k) keys.push_back(t - k);
                   },
                   family});
}

std::vector<Role> make_roles() {
  std::vector<Role> roles;
  add_offset(roles, 1, "previous", "prev");
  roles.back().meaning = "the character before";
  for (Index k = 2; k <= kLongestOffset; ++k) add_offset(roles, k, cat("offset-", k).c_str(), "offset");
  roles.push_back({"first", "the first character of the window",
                   [](const RoleText&, Index t, std::vector<Index>& keys) {
                     if (t >= kFirstFrom) keys.push_back(0);
                   },
                   "first"});
  roles.push_back({"same char", "earlier copies of the same character",
                   [](const RoleText& text, Index t, std::vector<Index>& keys) {
                     for (Index j = 0; j < t; ++j)
                       if (text.ids[static_cast<std::size_t>(j)] == text.ids[static_cast<std::size_t>(t)])
                         keys.push_back(j);
                   },
                   "same"});
  roles.push_back({"induction", "what followed the last two characters earlier",
                   [](const RoleText& text, Index t, std::vector<Index>& keys) {
                     const auto at = [&](Index i) { return text.ids[static_cast<std::size_t>(i)]; };
                     for (Index j = 2; j < t; ++j)
                       if (at(j - 1) == at(t) && at(j - 2) == at(t - 1)) keys.push_back(j);
                   },
                   "induct"});
  roles.push_back({"evidence", "the character that the next one repeats",
                   [](const RoleText& text, Index t, std::vector<Index>& keys) {
                     if (text.evidence.empty()) return;
                     const Index distance = text.evidence[static_cast<std::size_t>(t)];
                     if (distance > 1 && distance <= t + 1) keys.push_back(t + 1 - distance);
                   },
                   "evid"});
  roles.push_back({"last space", "the last white space, two or more places back",
                   [](const RoleText& text, Index t, std::vector<Index>& keys) {
                     const Index j = last_with(text, *text.is_space, t - 1);
                     if (j >= 0 && t - j >= kSpaceDistance) keys.push_back(j);
                   },
                   "space"});
  roles.push_back({"line start", "the first character of the line, eight or more places back",
                   [](const RoleText& text, Index t, std::vector<Index>& keys) {
                     const Index j = last_with(text, *text.is_line_break, t - 1);
                     if (j >= 0 && t - (j + 1) >= kLineDistance) keys.push_back(j + 1);
                   },
                   "line"});
  return roles;
}

template <class Property>
std::vector<bool> tokens_with(const Vocabulary& vocabulary, const Property& property) {
  std::vector<bool> tokens;
  for (Index id = 0; id < vocabulary.size(); ++id)
    tokens.push_back(property(vocabulary.is_bytes() ? static_cast<char32_t>(id)
                                                    : vocabulary.characters()[static_cast<std::size_t>(id)]));
  return tokens;
}

}  // namespace

const std::vector<Role>& basic_roles() {
  static const std::vector<Role> roles = make_roles();
  return roles;
}

std::vector<bool> line_break_tokens(const Vocabulary& vocabulary) {
  return tokens_with(vocabulary,
                     [](char32_t c) { return c == U'\n' || c == U'\r' || c == U'\u2028' || c == U'\u2029'; });
}

std::vector<bool> space_tokens(const Vocabulary& vocabulary) {
  return tokens_with(vocabulary, [](char32_t c) {
    return c == U' ' || (c >= U'\t' && c <= U'\r') || c == U'\u2028' || c == U'\u2029' || c == U'\u3000' ||
           (c >= U'\u2000' && c <= U'\u200a');
  });
}

}  // namespace headlight
