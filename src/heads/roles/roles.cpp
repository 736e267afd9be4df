// Character classes of tokens, and the definitions of all roles.
#include "heads/roles/roles.h"

#include <algorithm>

#include "base/words.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"

namespace headlight {

namespace {

constexpr Index kFirstFrom = 8;      // closer to the start, "first" coincides with short offsets
constexpr Index kSpaceDistance = 2;  // at distance 1 the role equals "previous"
constexpr Index kLineDistance = 8;
constexpr Index kOpenerDistance = 3;
constexpr Index kLongestOffset = 16;
constexpr Index kLocal = 4;
constexpr Index kShortestWord = 3;

using Keys = std::vector<Index>;

std::size_t token(const RoleText& text, Index i) {
  return static_cast<std::size_t>(text.ids[static_cast<std::size_t>(i)]);
}

// The last position <= from whose token has the property; -1 if none.
Index last_with(const RoleText& text, const std::vector<bool>& property, Index from) {
  Index j = from;
  while (j >= 0 && !property[token(text, j)]) --j;
  return j;
}

// The first position of the word that contains t; t + 1 when t is not in a word.
Index word_begin(const RoleText& text, Index t) {
  Index j = t + 1;
  while (j > 0 && text.classes->word[token(text, j - 1)]) --j;
  return j;
}

void induction(const RoleText& text, Index t, Keys& keys) {
  for (Index j = 2; j < t; ++j)
    if (token(text, j - 1) == token(text, t) && token(text, j - 2) == token(text, t - 1)) keys.push_back(j);
}

void this_word(const RoleText& text, Index t, Keys& keys) {
  const Index begin = word_begin(text, t);
  if (t - begin < kSpaceDistance) return;
  for (Index j = begin; j < t; ++j) keys.push_back(j);
}

void same_word(const RoleText& text, Index t, Keys& keys) {
  const Index begin = word_begin(text, t), size = t - begin + 1;
  if (size < kShortestWord) return;
  for (Index other = 0; other + size <= begin; ++other) {
    if (other > 0 && text.classes->word[token(text, other - 1)]) continue;
    Index same = 0;
    while (same < size && token(text, other + same) == token(text, begin + same)) ++same;
    if (same < size) continue;
    for (Index j = other; j <= other + size && j < begin; ++j)
      if (keys.empty() || j > keys.back()) keys.push_back(j);
  }
}

void opener(const RoleText& text, Index t, Keys& keys) {
  const TokenClasses& classes = *text.classes;
  std::vector<Index> open;
  for (Index j = 0; j <= t; ++j) {
    const std::int32_t matching = classes.opener[token(text, j)];
    if (!open.empty() && matching >= 0 && text.ids[static_cast<std::size_t>(open.back())] == matching) open.pop_back();
    else if (classes.opens[token(text, j)]) open.push_back(j);
  }
  if (!open.empty() && t - open.back() >= kOpenerDistance) keys.push_back(open.back());
}

void evidence(const RoleText& text, Index t, Keys& keys) {
  if (text.evidence.empty()) return;
  const Index distance = text.evidence[static_cast<std::size_t>(t)];
  if (distance > 1 && distance <= t + 1) keys.push_back(t + 1 - distance);
}

void add_offset(std::vector<Role>& roles, Index k, const std::string& name, const char* family) {
  roles.push_back({name, cat("the character ", counted(k, "place"), " back"),
                   [k](const RoleText&, Index t, Keys& keys) {
                     if (t >= k) keys.push_back(t - k);
                   },
                   family});
}

void add_class(std::vector<Role>& roles, const char* name, std::vector<bool> TokenClasses::*members) {
  roles.push_back({name, cat("earlier ", name),
                   [members](const RoleText& text, Index t, Keys& keys) {
                     const std::vector<bool>& of_class = text.classes->*members;
                     for (Index j = 0; j < t; ++j)
                       if (of_class[token(text, j)]) keys.push_back(j);
                   },
                   "class", true});
}

std::vector<Role> make_roles() {
  std::vector<Role> roles;
  const auto add = [&](const char* name, const char* meaning, bool content, auto keys) {
    roles.push_back({name, meaning, keys, name, content});
  };
  add("self", "the character itself", false, [](const RoleText&, Index t, Keys& keys) {
    if (t >= 1) keys.push_back(t);
  });
  add_offset(roles, 1, "previous", "previous");
  roles.back().meaning = "the character before";
  for (Index k = 2; k <= kLongestOffset; ++k) add_offset(roles, k, cat("offset-", k), "offset");
  add("local", "the four characters before", false, [](const RoleText&, Index t, Keys& keys) {
    for (Index j = t - kLocal; t >= kLocal && j < t; ++j) keys.push_back(j);
  });
  add("first", "the first character of the window", false, [](const RoleText&, Index t, Keys& keys) {
    if (t >= kFirstFrom) keys.push_back(0);
  });
  add("duplicate", "earlier copies of the same character", true, [](const RoleText& text, Index t, Keys& keys) {
    for (Index j = 0; j < t; ++j)
      if (token(text, j) == token(text, t)) keys.push_back(j);
  });
  add("induction", "the characters after earlier copies of the last two characters", true, induction);
  add("last space", "the last white space, two or more places back", true,
      [](const RoleText& text, Index t, Keys& keys) {
        const Index j = last_with(text, text.classes->space, t - 1);
        if (j >= 0 && t - j >= kSpaceDistance) keys.push_back(j);
      });
  add("word start", "the first character of the word", true, [](const RoleText& text, Index t, Keys& keys) {
    const Index begin = word_begin(text, t);
    if (t - begin >= kSpaceDistance) keys.push_back(begin);
  });
  add("this word", "the earlier characters of the word", true, this_word);
  add("line start", "the first character of the line, eight or more places back", true,
      [](const RoleText& text, Index t, Keys& keys) {
        const Index j = last_with(text, text.classes->line_break, t - 1);
        if (j >= 0 && t - (j + 1) >= kLineDistance) keys.push_back(j + 1);
      });
  add("newline", "the last line break, eight or more places back", true, [](const RoleText& text, Index t, Keys& keys) {
    const Index j = last_with(text, text.classes->line_break, t - 1);
    if (j >= 0 && t - j >= kLineDistance) keys.push_back(j);
  });
  add("same word", "earlier copies of the word so far, and the characters after them", true, same_word);
  add("opener", "the bracket or quote that is still open, three or more places back", true, opener);
  add_class(roles, "vowels", &TokenClasses::vowel);
  add_class(roles, "capitals", &TokenClasses::capital);
  add_class(roles, "digits", &TokenClasses::digit);
  add_class(roles, "punctuation", &TokenClasses::punctuation);
  add("evidence", "the character that the next character repeats", true, evidence);
  return roles;
}

bool is_space(char32_t c) {
  return c == U' ' || (c >= U'\t' && c <= U'\r') || c == U'\u2028' || c == U'\u2029' || c == U'\u3000' ||
         (c >= U'\u2000' && c <= U'\u200a');
}

}  // namespace

const std::vector<Role>& basic_roles() {
  static const std::vector<Role> roles = make_roles();
  return roles;
}

std::vector<Role> roles_for(bool has_evidence, std::span<const std::string> rule_names) {
  std::vector<Role> roles = basic_roles();
  if (!has_evidence) {
    std::erase_if(roles, [](const Role& r) { return r.name == "evidence"; });
    return roles;
  }
  for (std::size_t rule = 0; rule < rule_names.size(); ++rule)
    roles.push_back({cat("evidence of ", rule_names[rule]),
                     cat("the character that the next character repeats, by the rule ", rule_names[rule]),
                     [rule](const RoleText& text, Index t, Keys& keys) {
                       if (!text.rule.empty() && text.rule[static_cast<std::size_t>(t)] == rule)
                         evidence(text, t, keys);
                     },
                     "evidence", true});
  return roles;
}

void add_expert_roles(std::vector<Role>& roles, std::span<const Expert> experts) {
  for (std::size_t e = 0; e < experts.size(); ++e)
    roles.push_back({cat("evidence of ", experts[e].name), experts[e].reads,
                     [e](const RoleText& text, Index t, Keys& keys) {
                       if (e >= text.experts.size()) return;
                       const Index distance = text.experts[e][static_cast<std::size_t>(t)];
                       if (distance > 0 && distance <= t + 1) keys.push_back(t + 1 - distance);
                     },
                     "expert"});
}

TokenClasses::TokenClasses(const Vocabulary& vocabulary) {
  const auto character = [&](Index id) {
    return vocabulary.is_bytes() ? static_cast<char32_t>(id) : vocabulary.characters()[static_cast<std::size_t>(id)];
  };
  const auto within = [](char32_t c, const char32_t* set) {
    return c != 0 && std::u32string_view(set).find(c) != std::u32string_view::npos;
  };
  constexpr std::u32string_view kOpening = U"([{\u00ab\u201c\"", kClosing = U")]}\u00bb\u201d\"";
  for (Index id = 0; id < vocabulary.size(); ++id) {
    const char32_t c = character(id);
    const bool capital_letter = c >= U'A' && c <= U'Z', small_letter = c >= U'a' && c <= U'z';
    const bool is_digit = c >= U'0' && c <= U'9', beyond = c >= 0x80 && !is_space(c);
    const bool in_quotes =
        kOpening.find(c) != std::u32string_view::npos || kClosing.find(c) != std::u32string_view::npos;
    space.push_back(is_space(c));
    line_break.push_back(c == U'\n' || c == U'\r' || c == U'\u2028' || c == U'\u2029');
    word.push_back(capital_letter || small_letter || is_digit || (beyond && !in_quotes));
    vowel.push_back(within(c, U"aeiouAEIOU"));
    capital.push_back(capital_letter);
    digit.push_back(is_digit);
    punctuation.push_back(c > U' ' && c < 0x7f && !capital_letter && !small_letter && !is_digit);
    std::int32_t opens_with = -1;
    if (const std::size_t at = kClosing.find(c);
        at != std::u32string_view::npos && (c < 0x80 || !vocabulary.is_bytes()))
      for (Index other = 0; other < vocabulary.size(); ++other)
        if (character(other) == kOpening[at]) opens_with = static_cast<std::int32_t>(other);
    opener.push_back(opens_with);
  }
  opens.assign(opener.size(), false);
  for (const std::int32_t id : opener)
    if (id >= 0) opens[static_cast<std::size_t>(id)] = true;
}

}  // namespace headlight
