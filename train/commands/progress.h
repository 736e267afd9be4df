// What is seen of a run while it trains: on a terminal a view that renews itself, elsewhere plain lines.
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
  kQuiet,  // nothing
  kPlain,  // a line for each validation
  kLive,   // a screen with figures, curves and a sample; its last frame stays behind
};

class Progress {
 public:
  // `watch` may be null.
  Progress(const Trainer& trainer, View view, const HeadWatch* watch = nullptr);
  // Leaves the screen, however the run ended.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // After each step. Drawing and sampling take about a hundredth of the time at most.
  void show(const StepRecord& record);
  // The run is over: the last frame goes where the text above and below it goes.
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
  Index looks_ = 0;              // at the heads, of which the last is on the board
  Index count_ = 0;              // of steps shown
  double loss_ = 0, speed_ = 0;  // of some twenty steps
  double flops_per_second_at_peak_ = 0, flops_per_token_ = 0;
  double last_seconds_ = 0, validation_seconds_ = 0;
  double began_ = 0, drawn_ = 0, drawing_ = 0;  // when, and how long the last frame took
  double sampling_ = 0;                         // seconds spent on samples
  double piece_seconds_ = 0;                    // that one token of a sample takes
  std::uint64_t samples_ = 0;
};

}  // namespace headlight::cli
