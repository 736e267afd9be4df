// Roles: what an attention head may be looking at. A role says, from the text alone, which earlier characters a query
// that plays it would look at; how much of a head's attention really goes there is its score.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "headlight/data/vocabulary.h"

namespace headlight {

// A text as roles see it.
struct RoleText {
  std::span<const std::int32_t> ids;
  const std::vector<bool>* is_space = nullptr;  // of each token of the vocabulary: white space, line breaks included
  const std::vector<bool>* is_line_break = nullptr;
  // For each query, how far before the character it predicts the evidence for that stands (data/traced_text.h); 0: none.
  // Empty when the truth of the text is not known.
  std::span<const std::int32_t> evidence = {};
};

struct Role {
  std::string name;
  std::string meaning;  // "the character before"
  // Fills `keys` (given empty) with the places j <= t that query t of this role looks at. Left empty when t is not a
  // query on which the role can be told from others.
  std::function<void(const RoleText&, Index t, std::vector<Index>& keys)> keys;
  // Roles of one family are alternatives of which a head can play one, such as offsets; a table shows the best of them
  // in one column under this name of six letters at most.
  std::string family;
};

// previous: j = t-1, for t >= 1
// offset-2 ... offset-16: j = t-k, for t >= k (family "offset")
// first: j = 0, for t >= 8
// same character: earlier j with the same character as t, where there are any
// induction: j where the two characters before j are those at t-1 and t: what followed them earlier
// evidence: for a text whose truth is known, the character that the next one repeats
// last space: the last white space before t, at a distance of 2 or more
// line start: the character after the last line break before t, at a distance of 8 or more
const std::vector<Role>& basic_roles();

// Which tokens are white space and line breaks.
std::vector<bool> space_tokens(const Vocabulary& vocabulary);
std::vector<bool> line_break_tokens(const Vocabulary& vocabulary);

}  // namespace headlight
