// Role scores: how much of each head's attention goes where each role would look, corrected for chance.
//
// For a role with keys R_t at query t, over all its queries in all sequences:
//   S  = mean of sum over j in R_t of A[t,j]       the head's attention
//   S0 = mean of |R_t| / (t+1)                     what uniform attention would give
//   kappa = (S - S0) / (1 - S0)                    1: all of it, 0: no more than chance, negative: less
// Without the correction a role such as "previous" scores high for any head at the start of a window.
#pragma once

#include <string>
#include <vector>

#include "headlight/data/windows.h"
#include "headlight/heads/roles.h"
#include "headlight/nn/transformer.h"

namespace headlight {

struct RoleScore {
  double attention = 0;  // S
  double chance = 0;     // S0
  Index queries = 0;     // eligible queries; with none the rest is 0
  // 0 when there are no queries or chance already explains all.
  double kappa() const { return queries > 0 && chance < 1 ? (attention - chance) / (1 - chance) : 0; }
};

class HeadScores {
 public:
  HeadScores(Index layers, Index heads, std::size_t roles)
      : layers_(layers), heads_(heads), roles_(roles), scores_(static_cast<std::size_t>(layers * heads) * roles) {}

  Index layers() const { return layers_; }
  std::size_t roles() const { return roles_; }
  Index heads() const { return heads_; }
  RoleScore& at(Index layer, Index head, std::size_t role) {
    return scores_[static_cast<std::size_t>(layer * heads_ + head) * roles_ + role];
  }
  const RoleScore& at(Index layer, Index head, std::size_t role) const {
    return scores_[static_cast<std::size_t>(layer * heads_ + head) * roles_ + role];
  }

 private:
  Index layers_, heads_;
  std::size_t roles_;
  std::vector<RoleScore> scores_;
};

// Adds the attention of one batch to running sums: weights [B,H,T,T] of a layer over `text`, whose ids (and evidence, if
// there is any) are those of B windows of T. Until finish_scores() divides them by the number of queries, `attention` and
// `chance` hold sums.
void add_scores(HeadScores& sums, Index layer, const Tensor& weights, const RoleText& text,
                std::span<const Role> roles);
void finish_scores(HeadScores& sums);

// The scores of every head of a model for each role, over up to `windows` evaluation windows of a text, evenly spread
// (only whole windows are used). `evidence` is that of every token of the text, or empty. Error: no whole window.
HeadScores score_heads(const CharTransformer& model, const Vocabulary& vocabulary, const TokenText& text,
                       std::span<const Role> roles, Index windows = 64, std::span<const std::int32_t> evidence = {});

// What heads score by their architecture alone: the same for `models` freshly initialised models of that configuration
// (seeds 1, 2, ...), and of their heads the highest kappa for each layer and role.
class UntrainedScores {
 public:
  UntrainedScores(const TransformerConfig& config, const Vocabulary& vocabulary, const TokenText& text,
                  std::span<const Role> roles, int models = 5, Index windows = 64,
                  std::span<const std::int32_t> evidence = {});
  double highest_kappa(Index layer, std::size_t role) const { return highest_[static_cast<std::size_t>(layer)][role]; }

 private:
  std::vector<std::vector<double>> highest_;  // [layer][role]
};

// "L0H2".
std::string head_name(Index layer, Index head);

}  // namespace headlight
