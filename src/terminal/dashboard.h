// The live dashboard of a training run, rendered to lines of text; rendering needs no terminal.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "terminal/chart.h"

namespace headlight {

// One attention head in the dashboard.
struct HeadLine {
  std::string head;   // "L0H1"
  std::string role;   // the role with the highest score
  bool sure = false;  // whether the score is significant; if not, the role is shown in brackets
  Curve kappa;        // the head's score for this role over the steps: 0 is chance level, 1 is all of its attention
};

// The state of a run. NaN, or -1 for a step, means unknown; unknown values are not shown.
struct Dashboard {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  std::string title;
  Index step = 0, steps = 0;
  double seconds = 0, seconds_left = kUnknown;
  double loss = kUnknown;      // smoothed training loss
  double val_loss = kUnknown;  // latest validation loss
  Index best_step = -1;
  double best_val_loss = kUnknown;
  double tokens_per_second = kUnknown, share_of_peak = kUnknown;
  double lr = kUnknown, grad_norm = kUnknown;
  Curve train, validation;
  std::vector<Level> levels;  // reference losses, such as the entropy floor
  std::string sample;
  Index sample_step = -1;
  std::string notice;
  std::vector<std::string> facts;  // further lines about the latest validation
  std::vector<HeadLine> heads;     // empty without --watch-heads
};

// Renders a frame of at most `rows` lines of at most `columns` columns. As the window shrinks, the frame drops the
// sample first, then the title, the heads, the chart and the figures; the progress bar always stays. Heads that do not
// fit one per line are arranged in columns, and heads that still do not fit are omitted.
std::vector<std::string> dashboard_frame(const Dashboard& board, int columns, int rows, bool colors);

// "▁▂▅█  ": a curve of values in [0, 1] over the steps 0 to `steps`, in exactly `columns` characters. Each character
// shows the latest value up to its step; characters after the end of the curve are blank.
std::string sparkline(const Curve& curve, Index steps, int columns);

// "████▌░░░": a fraction in [0, 1] in exactly `columns` characters, with a resolution of an eighth of a character.
std::string progress_bar(double share, int columns);

}  // namespace headlight
