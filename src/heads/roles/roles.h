// Roles: what an attention head may be looking at. A role says, from the text alone, which earlier characters a query
// that plays it would look at; how much of a head's attention really goes there is its score.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "headlight/corpora/traced_text.h"
#include "headlight/data/vocabulary.h"

namespace headlight {

// What kind of character each token of a vocabulary is.
struct TokenClasses {
  explicit TokenClasses(const Vocabulary& vocabulary);

  std::vector<bool> space;       // white space, line breaks included
  std::vector<bool> line_break;  // \n, \r and their Unicode relatives
  std::vector<bool> word;        // letters and digits; beyond ASCII, whatever is not white space
  std::vector<bool> vowel, capital, digit, punctuation;  // of ASCII
  // For a token that closes something, the token that opens it: ( for ), " for ". -1 for all others.
  std::vector<std::int32_t> opener;
  std::vector<bool> opens;  // the tokens that open something
};

// A text as roles see it.
struct RoleText {
  std::span<const std::int32_t> ids;
  const TokenClasses* classes = nullptr;
  // For each query, how far before the character it predicts the evidence for that stands (corpora/traced_text.h); 0: none.
  // Empty when the truth of the text is not known.
  std::span<const std::int32_t> evidence = {};
  // The rule that wrote the character each query predicts. Empty when the truth is not known.
  std::span<const std::uint8_t> rule = {};
  // As `evidence`, of each expert of a corpus that has them.
  std::vector<std::span<const std::int32_t>> experts = {};
};

struct Role {
  std::string name;
  std::string meaning;  // "the character before"
  // Fills `keys` (given empty) with the places j <= t that query t of this role looks at, ascending. Left empty when t is
  // not a query on which the role can be told from others.
  std::function<void(const RoleText&, Index t, std::vector<Index>& keys)> keys;
  // Roles of one family are alternatives of which a head can play one, such as offsets.
  std::string family;
  // Whether the place depends on what the characters are, not on positions alone. Such a role has to score more on its
  // own text than on another (kappa_c in head_scores.h).
  bool content = false;
};

// self: j = t, for t >= 1
// previous: j = t-1, for t >= 1
// offset-2 ... offset-16: j = t-k, for t >= k (family "offset")
// local: t-4 <= j <= t-1, for t >= 4
// first: j = 0, for t >= 8
// duplicate: earlier j with the same character as t
// induction: j where the two characters before j are those at t-1 and t: what followed them earlier
// last space: the last white space before t, at a distance of 2 or more
// word start, this word: within the word of t, its first character or all earlier ones, from the third character on
// line start, newline: the character after the last line break before t, or that line break, 8 or more places back
// same word: earlier copies of the word so far (3 characters or more) and the character after each
// opener: the innermost bracket or quote still open, 3 or more places back
// vowels, capitals, digits, punctuation: earlier ones (family "class")
// evidence: for a text whose truth is known, the character that the next one repeats
const std::vector<Role>& basic_roles();
// basic_roles(), those that this text can tell: without "evidence" when `has_evidence` is false; with it, one role more
// for each rule, "evidence of NAME", on the queries that predict a character of that rule (family "evidence").
std::vector<Role> roles_for(bool has_evidence, std::span<const std::string> rule_names = {});
// With a role "evidence of NAME" for each expert added, in their order.
void add_expert_roles(std::vector<Role>& roles, std::span<const Expert> experts);

}  // namespace headlight
