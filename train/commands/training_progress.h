// The display of a training run: a live view on a terminal, plain lines elsewhere.
#pragma once

#include "cli/cli.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "heads/watch/head_watch.h"
#include "terminal/dashboard.h"
#include "training/run_log.h"
#include "training/trainer.h"

namespace headlight::cli {

enum class View {
  kQuiet,  // no output
  kPlain,  // one line per validation
  kLive,   // a full screen with numbers, curves and a sample; the last frame stays visible
};

class TrainingProgress {
 public:
  // `watch` may be null.
  TrainingProgress(const Trainer& trainer, View view, const HeadWatch* watch = nullptr);
  // Calls finish(), so that the terminal is restored even after an exception.
  ~TrainingProgress();
  TrainingProgress(const TrainingProgress&) = delete;
  TrainingProgress& operator=(const TrainingProgress&) = delete;

  // Call after each step. Drawing and sampling take at most about 1 % of the time.
  void show(const StepRecord& record);
  // Call after Trainer::set_steps().
  void correct_steps();
  // Leaves the full screen and prints the last frame as ordinary output.
  void finish() noexcept;

 private:
  void recall();
  void update(const StepRecord& record);
  void plain_line(const StepRecord& record) const;
  double seconds_left(const StepRecord& record) const;
  void refresh_sample();
  void draw();

  const Trainer& trainer_;
  const HeadWatch* watch_;
  View view_;
  Dashboard board_;
  bool noticed_ = false;
  Index shown_snapshots_ = 0;    // number of head measurements already on the board
  Index count_ = 0;              // number of steps shown
  double loss_ = 0, speed_ = 0;  // moving averages over about twenty steps
  double flops_per_second_at_peak_ = 0, flops_per_token_ = 0;
  double last_seconds_ = 0, validation_seconds_ = 0;
  double began_ = 0, drawn_ = 0, drawing_ = 0;  // start, time of the last frame, duration of that frame; seconds
  double sampling_ = 0;                         // seconds spent on sampling
  double piece_seconds_ = 0;                    // seconds per sampled token
  std::uint64_t samples_ = 0;
};

}  // namespace headlight::cli
