// Role scores: how much of each head's attention lies on the keys of each role, corrected for chance.
//
// For a role with keys R_t at query t, over all its queries in all windows:
//   S  = mean of sum over j in R_t of A[t,j]       the head's attention
//   S0 = mean of |R_t| / (t+1)                     the value of uniform attention; with an attention window of W
//                                                  tokens, (keys of R_t in the window) / min(t+1, W)
//   S~ = as S, but window w gets the attention of window (w+1) mod N: the part that position alone explains
//   kappa   = (S - S0) / (1 - S0)                  1: all attention, 0: chance level, negative: below chance
//   kappa_c = (S - S~) / (1 - S~)                  for content roles
// Without the correction, every head scores high on roles such as "previous" at the start of a window.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "headlight/models/transformer.h"
#include "heads/roles/head_windows.h"
#include "heads/roles/role_masks.h"

namespace headlight {

// The address of a head in a model.
struct HeadId {
  Index layer = 0, head = 0;
  friend bool operator==(const HeadId&, const HeadId&) = default;
  friend auto operator<=>(const HeadId&, const HeadId&) = default;
};
// "L0H2".
std::string head_name(Index layer, Index head);
inline std::string head_name(HeadId id) { return head_name(id.layer, id.head); }
// Parses a name such as "L0H2" for any model. Error: not a head name.
HeadId head_id(const std::string& name);
// The number of heads of each layer of a model.
struct HeadCounts {
  HeadCounts(const HeadedModel& model);
  HeadCounts(const TransformerConfig& config);
  Index layers() const { return static_cast<Index>(by_layer.size()); }
  Index most() const { return by_layer.empty() ? 0 : *std::max_element(by_layer.begin(), by_layer.end()); }
  std::vector<Index> by_layer;
};
// Parses the name of a head of this model. Errors: not a head name; no such head (the message lists the model's heads).
HeadId parse_head(const std::string& name, const HeadCounts& counts);
// All heads of a model, layer by layer.
std::vector<HeadId> all_heads(const HeadCounts& counts);

struct RoleScore {
  double attention = 0;  // S
  double chance = 0;     // S0
  double elsewhere = 0;  // S~
  double top = 0;        // share of queries whose largest attention weight is on one of the role's keys
  Index queries = 0;     // eligible queries; if 0, the other values are 0
  Index compared = 0;    // queries that S~ averages; 0 when there was no other window
  // 0 when there are no queries or S0 = 1.
  double kappa() const { return queries > 0 && chance < 1 ? (attention - chance) / (1 - chance) : 0; }
  // ln(S / S0): 0 at chance level, ln 2 at twice chance; NaN when S or S0 is 0. Used for character classes: vowels, for
  // example, are a third of all keys, and kappa stays small for a head that attends to them at twice chance.
  double log_ratio() const {
    return attention > 0 && chance > 0 ? std::log(attention / chance) : std::numeric_limits<double>::quiet_NaN();
  }
  // NaN when there was no other window.
  double kappa_content() const {
    if (compared == 0) return std::numeric_limits<double>::quiet_NaN();
    return elsewhere < 1 ? (attention - elsewhere) / (1 - elsewhere) : 0;
  }
};

class HeadScores {
 public:
  // `window`: the number of most recent keys that a query attends to; 0: all.
  HeadScores(Index layers, Index heads, std::size_t roles, Index window = 0)
      : layers_(layers),
        heads_(heads),
        roles_(roles),
        window_(window),
        scores_(static_cast<std::size_t>(layers * heads) * roles),
        evenness_(static_cast<std::size_t>(layers * heads)) {}

  Index layers() const { return layers_; }
  Index heads() const { return heads_; }  // of the layer with the most heads
  std::size_t roles() const { return roles_; }
  RoleScore& at(Index layer, Index head, std::size_t role) { return scores_[place(layer, head) * roles_ + role]; }
  const RoleScore& at(Index layer, Index head, std::size_t role) const {
    return scores_[place(layer, head) * roles_ + role];
  }
  // Mean of entropy / ln(number of visible keys), over the queries with at least two visible keys: 1 for uniform
  // attention, 0 for attention to a single key.
  double evenness(Index layer, Index head) const { return evenness_[place(layer, head)].value; }

 private:
  friend void add_scores(HeadScores&, Index, const Tensor&, const RoleMasks&, Index);
  friend void finish_scores(HeadScores&);
  friend HeadScores merged(const HeadScores&, const HeadScores&);
  struct Evenness {
    double value = 0;
    Index queries = 0;
  };
  std::size_t place(Index layer, Index head) const { return static_cast<std::size_t>(layer * heads_ + head); }

  Index layers_, heads_;
  std::size_t roles_;
  Index window_;
  std::vector<RoleScore> scores_;
  std::vector<Evenness> evenness_;
};

// Adds the attention weights [B,H,T,T] of one layer and batch to running sums. The batch holds the windows first_window
// .. first_window+B-1 of the masks. S~ pairs each window's attention with the mask of the previous window, if that
// window is scored too. All values are sums until finish_scores() divides them by the number of queries.
void add_scores(HeadScores& sums, Index layer, const Tensor& weights, const RoleMasks& masks, Index first_window);
void finish_scores(HeadScores& sums);
// The scores of two texts together, from the finished scores of each.
HeadScores merged(const HeadScores& a, const HeadScores& b);

// Empty scores for all heads of a model.
HeadScores scores_for(const HeadedModel& model, std::size_t roles);
// The scores of every head of a model for each role. `masks` must be made from `windows`.
HeadScores score_heads(const HeadedModel& model, const HeadWindows& windows, const RoleMasks& masks);
// The scores on the first and on the second half of the windows.
std::vector<HeadScores> score_halves(const HeadedModel& model, const HeadWindows& windows, const RoleMasks& masks);

}  // namespace headlight
