// Scores and ablations of attention heads: how much attention goes where induction would look, and what the loss does
// without a head.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headlight/data/windows.h"
#include "headlight/models/language_model.h"
#include "headlight/tensor/tensor.h"

namespace headlight::lessons {

// Sequences, and where an induction head would look: role[b,t,j] is 1 if the symbol before j is the symbol at t, so
// that j followed the last time. The queries that have such a key are eligible; only their targets count in the loss.
struct ProbeText {
  Batch batch;
  Index length;                // T
  std::vector<float> role;     // [B,T,T]
  std::vector<char> eligible;  // [B,T]
};
// The first `rows` windows of `length` symbols of a text of sequences.
ProbeText probe_text(const TokenText& text, Index length, Index rows);

// The heads' attention and outputs in one run of the model.
struct Activations {
  std::vector<Tensor> weights;  // by layer: [B,H,T,T]
  std::vector<Tensor> z;        // by layer: [B,H,T,D]
};
Activations run_and_record(const LanguageModel& model, const ProbeText& text);

struct HeadScore {
  double score;   // S: the mean attention on the role's keys over the eligible queries
  double chance;  // S0: the same for uniform attention
  double other;   // S of this attention with the role of the next sequence: all that position alone explains
  double kappa() const { return (score - chance) / (1 - chance); }
  // 0 if position explains all of the score; undefined (0 here) if every sequence has the same role.
  double kappa_content() const { return other > 0.999 ? 0 : (score - other) / (1 - other); }
};
HeadScore score_head(const Activations& run, Index layer, Index head, const ProbeText& text);

// The loss on the eligible queries, in nats.
double probe_loss(const LanguageModel& model, const ProbeText& text);
// The same while the component of z [B,T,HD] of one layer in the space of `u` [HD,k], k orthonormal columns, is replaced by
// its mean over the sequences at each position.
double ablated_loss(const LanguageModel& model, const ProbeText& text, const Activations& run, Index layer,
                    const Tensor& u);
// The columns for one head; k = D random columns, orthonormal by Gram-Schmidt.
Tensor head_space(Index heads, Index size, Index head);
Tensor random_space(Index heads, Index size, Rng& rng);

}  // namespace headlight::lessons
