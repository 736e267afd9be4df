// Scores and ablations of attention heads: how much attention goes to the keys of a role, and how the loss changes
// without a head.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"
#include "headlight/models/language_model.h"
#include "headlight/tensor/tensor.h"
#include "lessons/lesson.h"

namespace headlight::lessons {

// A role is a set of keys for each query: role[b,t,j] is 1 if key j belongs to the role of query t in sequence b.
using Role = std::vector<float>;

// Sequences with two roles. An induction head attends to the symbols that followed earlier copies of the current one:
// keys 1 <= j <= t whose predecessor is the symbol at t. Queries with such a key are eligible, and only their targets count
// in the loss. A previous-token head attends to key t - 1.
struct ProbeText {
  Batch batch;
  Index length;                // T
  Role induction, previous;    // [B,T,T]
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
  double other;   // the same with the role of the next sequence: all that position alone explains
  double kappa() const { return (score - chance) / (1 - chance); }
  double kappa_content() const { return other < 1 ? (score - other) / (1 - other) : 0; }
};
HeadScore score_head(const Activations& run, Index layer, Index head, const ProbeText& text, const Role& role);

// The loss on the eligible queries, in nats.
double probe_loss(const LanguageModel& model, const ProbeText& text);
// The same while a subspace of one layer's concatenated head outputs z [B,T,HD] is mean-ablated: the span of the k
// orthonormal columns of `u` [HD,k]. The mean is over the sequences, at each position.
double ablated_loss(const LanguageModel& model, const ProbeText& text, const Activations& run, Index layer,
                    const Tensor& u);
// All heads of a model: their scores for both roles, and the loss increase when each is mean-ablated.
struct MeasuredHead {
  Index layer, head;
  HeadScore induction, previous;
  double increase;
};
std::vector<MeasuredHead> measure_heads(const LanguageModel& model, const ProbeText& text);
// The attention of all heads on the first `shown` symbols of the text, the last layer first.
AttentionMap attention_map(const std::string& title, const LanguageModel& model, const ProbeText& text,
                           const Vocabulary& vocabulary, Index shown);

// `u` for ablated_loss(): the D coordinates of one head; D random columns, made orthonormal by Gram-Schmidt.
Tensor head_space(Index heads, Index size, Index head);
Tensor random_space(Index heads, Index size, Rng& rng);

// The median loss increase when a random subspace of a head's size is mean-ablated, over `draws` subspaces.
double random_increase(const LanguageModel& model, const ProbeText& text, Index layer, std::uint64_t seed, Index draws,
                       const LessonProgress& progress);

}  // namespace headlight::lessons
