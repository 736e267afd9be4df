// Measures the heads of a run during training: at some steps, it writes role scores and attention on a few held-out
// windows to heads.jsonl in the run's directory (head_history.h). The file shows at which step a head takes on its
// role.
//
//   Trainer trainer(config, data, "runs/mine");
//   HeadWatch watch(trainer);
//   run_watched(trainer, &watch);
//
// Training stays bit-identical. A run that was interrupted and resumed has the same heads.jsonl as an uninterrupted
// run.
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
// Maximum length, in tokens, of the text whose attention is kept: kShownLength for running text, kShownSequence for one
// sequence of a corpus of sequences.
inline constexpr Index kShownLength = 48, kShownSequence = 64;

// Whether the heads are measured at this step (0 .. steps), given --watch-every. `every` > 0: at its multiples and at
// the last step. `every` = 0: at the steps round(steps (i / 32)^2) for i = 0 .. 32, whose distance grows from about one
// step to a sixteenth of the training, and at every validation if training validates at most 16 times.
bool watches_at(Index step, Index steps, Index every, Index eval_every);

class HeadWatch {
 public:
  // Continues at trainer.step() and removes later snapshots from heads.jsonl. `trainer` must outlive this object.
  // Writes nothing if the trainer has no directory. Errors: a model without heads; a heads.jsonl that is damaged or of
  // another model or text.
  explicit HeadWatch(const Trainer& trainer);
  ~HeadWatch();

  // Callbacks for Trainer::run(), before and after each step.
  void before(const StepRecord& record);
  void after(const StepRecord& record);

  // The header of the history, without snapshots.
  const HeadHistory& watched() const { return history_; }
  Index snapshots() const { return snapshots_; }  // total, including those before a resume
  double seconds() const { return seconds_; }     // spent measuring in this process
  // One line per head, as of the last snapshot: its label, which may be mixed, or its closest role, and the kappa of the
  // closest role over the steps. `sure` is true when label conditions 1 and 3 hold (head_labels.h); the other conditions
  // are not checked during training.
  std::vector<HeadLine> lines() const;

 private:
  void look();
  void add_to_curves(const HeadSnapshot& snapshot);

  struct Measured;
  struct Label {
    std::size_t role = 0;  // the closest
    std::string name;      // of the label, which may be mixed; of the closest role if not sure
    bool sure = false;
  };

  const Trainer& trainer_;
  HeadHistory history_;
  std::unique_ptr<Measured> on_;          // the measured text and its roles
  std::optional<HeadSnapshot> snapshot_;  // of the current step, until its training loss is known
  std::vector<Label> labels_;             // [head]; empty before the first snapshot
  std::vector<Curve> kappa_;              // [head, role]
  std::string path_;                      // empty: write nothing
  Index snapshots_ = 0;
  double seconds_ = 0;
};

// Calls trainer.run(each) with the callbacks of `watch`, which may be null. `each` runs after watch->after().
void run_watched(Trainer& trainer, HeadWatch* watch, const std::function<bool(const StepRecord&)>& each = {});

}  // namespace headlight
