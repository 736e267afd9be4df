// The study of heads on a text with experts (corpora/chorus.h). Measures for each head the attention to the evidence,
// the learned table, the direct logits, and the effect of ablation and patching.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/json.h"
#include "heads/sources/direct_logits.h"
#include "heads/sources/learned_tables.h"
#include "heads/sources/retention.h"
#include "heads/sources/source_patching.h"

namespace headlight {

// A head reads an expert's evidence when at least this share of its attention is on this evidence and no other expert's
// evidence has a larger share.
inline constexpr double kReads = 0.5;
// Ablating a head loses an expert when the interval of ExpertStudy::lost() lies above this share, and keeps the expert
// when the interval lies below.
inline constexpr double kLosesShare = 0.1;
// A learned table matches an expert's table when the p of their correlation is at most this (learned_tables.h).
inline constexpr double kTableP = 0.01;

struct ExpertStudy {
  std::vector<Expert> experts;  // their `evidence` member is empty
  std::vector<HeadId> heads;
  Retention retention;               // parts: [head]
  std::vector<Retention> subspaces;  // [rotation]
  std::vector<Retention> untrained;  // [model]
  double index = 0;                  // retention_index(), and its baselines
  std::vector<double> index_subspaces, index_untrained;
  std::vector<std::vector<RoleScore>> attention;  // [head][expert]
  std::string symbols;                            // of the tables' rows; the columns lack the first symbol
  std::optional<LearnedTables> tables;            // absent for post-norm models, like `direct`
  std::optional<DirectLogits> direct;
  Patching patching;

  // The share of an expert that the model loses when the head is ablated: (K unablated - K ablated) / K unablated, with
  // bounds from those of K ablated. NaN if the unablated model does not use the expert (K below kLosesShare).
  Interval lost(std::size_t head, std::size_t expert) const;
  // Whether ablating the head loses the expert (kLosesShare).
  bool loses(std::size_t head, std::size_t expert) const { return lost(head, expert).low > kLosesShare; }
  // The expert whose retention K falls most when the head is ablated.
  std::size_t main_source(std::size_t head) const;
  // The number of experts that exactly one head carries: the model loses the expert when this head is ablated, and keeps
  // it when any other head is. Excludes experts that need no attention.
  std::size_t experts_with_one_head() const;
};

struct ExpertStudyOptions {
  int untrained = 5;   // models of the untrained baseline
  int subspaces = 50;  // of each layer, rounded up to whole rotations
  std::uint64_t seed = 1;
  Progress progress = {};
};

// Errors: a text without experts or without two whole windows; a context that is too short; interruption by
// options.progress (InterruptedError).
ExpertStudy study_experts(const HeadedModel& model, const RunData& data, const HeadWindows& windows,
                          const ExpertStudyOptions& options = {});

// "L0H2 attends to the symbol three back (attention 0.98); ablating it removes 76% of that source and nothing else."
// One sentence per head; claims only what the intervals support.
std::vector<std::string> head_sentences(const ExpertStudy& study);

Json to_json(const ExpertStudy& study);

}  // namespace headlight
