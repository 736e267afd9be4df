// A study over seeds: train one model per seed, measure its heads, summarize, report. All files are in one directory,
// so that an interrupted study continues where it stopped:
//
//   plan.json                the settings that must be equal when the study continues
//   seed-N, seed-N.json      the run of a seed, and its figures (seed_result.h)
//   study.json, *.csv        the summary and its tables (seed_summary.h)
//   report.html              the page of the first seed that did not fail
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "heads/seeds/seed_summary.h"
#include "heads/study/head_study.h"
#include "training/config.h"

namespace headlight {

struct SeedStudyPlan {
  RunConfig config;      // its seed is ignored
  StudyOptions options;  // curves and replicates are always measured
  double within = 0.05;  // nats above the floor; a seed that ends further above counts as failed
  Index first = 1;       // the first seed
  Index seeds = 5;       // how many
  Index recovery = 0;    // steps of recovery training, for one more pruning curve; 0: none
  std::string directory;
};

// Callbacks of a running study; each may be empty.
struct SeedStudyCallbacks {
  std::function<void(const std::string& line)> say;                      // the start of each stage
  std::function<void(const char* what, Index done, Index of)> progress;  // within a stage
  std::function<void(const RunData& data)> text_read;                    // once, before a new study begins
  std::function<bool()> keep_going;                                      // false interrupts
};

struct SeedStudyOutcome {
  SeedSummary summary;
  bool has_report = false;  // false: every seed failed
};

// Runs or continues a study. Returns nullopt when interrupted; all finished measurements are saved.
// Errors: the model has no attention heads (UsageError); the directory holds another study or other files; the text is
// missing or shorter than two windows. These errors occur before anything is created.
std::optional<SeedStudyOutcome> run_seed_study(const SeedStudyPlan& plan, const SeedStudyCallbacks& watch = {});

}  // namespace headlight
