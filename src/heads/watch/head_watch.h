// Watches the heads of a run while it trains: at some steps, what they look at on a few held-out windows, written to
// heads.jsonl in the run's directory (head_history.h). So one sees at which step a head takes its role.
//
//   Trainer trainer(config, data, "runs/mine");
//   HeadWatch watch(trainer);
//   run_watched(trainer, &watch);
//
// Training is not changed by it, bit for bit; a run that was interrupted and resumed has the same heads.jsonl as one that was
// not.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heads/watch/head_history.h"
#include "terminal/dashboard.h"
#include "training/trainer.h"

namespace headlight {

inline constexpr Index kWatchedWindows = 16;  // of held-out text, at most
// Of the text whose attention is kept, characters at most; of a corpus of sequences, where it is a sequence.
inline constexpr Index kShownLength = 48, kShownSequence = 64;

// Whether the heads are looked at at this step, 0 .. steps, with `every` as --watch-every gives it: at its multiples; for 0,
// at the steps round(steps (i / 32)^2) for i = 0 .. 32, so that the distance between two grows from a step or so to a
// sixteenth of the training, and where training validates, if that is at most 16 times.
bool watches_at(Index step, Index steps, Index every, Index eval_every);

class HeadWatch {
 public:
  // Of a run that goes on from trainer.step(); what its heads.jsonl holds from there on is taken away.
  // `trainer` must outlive it. A trainer without a directory is watched all the same, and nothing written.
  // Errors: a model without heads; a heads.jsonl that is damaged or of another model or text.
  explicit HeadWatch(const Trainer& trainer);
  ~HeadWatch();

  // What Trainer::run() calls before and after each step.
  void before(const StepRecord& record);
  void after(const StepRecord& record);

  // What is watched; without snapshots.
  const HeadHistory& watched() const { return history_; }
  Index snapshots() const { return snapshots_; }  // in all, those from before a resume included
  double seconds() const { return seconds_; }     // that looking took in this process
  // As of the last snapshot, a line a head: the role it comes closest to and its kappa there over the steps. `sure` when the
  // attention label's conditions hold that one model can be held to: 1 and 3 of head_labels.h.
  std::vector<HeadLine> lines() const;

 private:
  void look();
  void add_to_curves(const HeadSnapshot& snapshot);

  struct Measured;
  struct Label {
    std::size_t role = 0;
    bool sure = false;
  };

  const Trainer& trainer_;
  HeadHistory history_;
  std::unique_ptr<Measured> on_;          // the text and its roles
  std::optional<HeadSnapshot> snapshot_;  // of this step, until its training loss is known
  std::vector<Label> labels_;             // [head]; empty before the first look
  std::vector<Curve> kappa_;              // [head, role]
  std::string path_;                      // empty: nothing is written
  Index snapshots_ = 0;
  double seconds_ = 0;
};

// trainer.run(each), watched; `watch` may be null. `each` comes after the watch has seen the step.
void run_watched(Trainer& trainer, HeadWatch* watch, const std::function<bool(const StepRecord&)>& each = {});

}  // namespace headlight
