// All that is measured about heads on a text with experts (corpora/chorus.h): where each head attends, what it reads, what it
// writes, and that the model uses it.
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

// A head reads an expert's evidence when at least this share of its attention lies there, and no more on any other's.
inline constexpr double kReads = 0.5;
// The model loses an expert with a head when the interval of the loss, as a share of what it uses unablated, lies above
// this, and keeps it when the interval lies below.
inline constexpr double kLosesShare = 0.1;
// A learned table is the expert's when none of so many shuffled ones correlates as well.
inline constexpr double kTableP = 0.01;

struct ExpertStudy {
  std::vector<Expert> experts;  // without evidence
  std::vector<HeadId> heads;
  Retention retention;               // parts: [head]
  std::vector<Retention> subspaces;  // [rotation]
  std::vector<Retention> untrained;  // [model]
  double index = 0;                  // retention_index(), and its baselines
  std::vector<double> index_subspaces, index_untrained;
  std::vector<std::vector<RoleScore>> attention;  // [head][expert]
  std::string symbols;                            // of the tables' rows; columns are those but the first
  std::optional<LearnedTables> tables;            // absent for post-norm models, like `direct`
  std::optional<DirectLogits> direct;
  Patching patching;

  // The share of an expert that the model loses with a head: (unablated - K) / unablated, with the bounds of K. Not a number
  // where the unablated model does not use the expert (K below kLosesShare).
  Interval lost(std::size_t head, std::size_t expert) const;
  // How many experts that need attention have exactly one head with which the model loses them.
  std::size_t experts_with_one_head() const;
};

struct ExpertStudyOptions {
  int untrained = 5;   // models of the untrained baseline
  int subspaces = 50;  // of each layer, rounded up to whole rotations
  std::uint64_t seed = 1;
  Measuring measuring = {};
};

// Errors: a text without experts, without two whole windows, or too short a context; measuring does not want to go on.
ExpertStudy study_experts(const CharTransformer& model, const RunData& data, const HeadWindows& windows,
                          const ExpertStudyOptions& options = {});

// "L0H2 reads the symbol three back (attention 0.98); without it the model loses 76% of that source and nothing else."
// One for each head; claims only what the intervals support.
std::vector<std::string> head_sentences(const ExpertStudy& study);

Json to_json(const ExpertStudy& study);

}  // namespace headlight
