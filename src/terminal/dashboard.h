// What a terminal shows of a run in progress, as lines of text: no terminal is needed to make them.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "terminal/chart.h"

namespace headlight {

// What a head does so far.
struct HeadLine {
  std::string head;   // "L0H1"
  std::string role;   // that it comes closest to
  bool sure = false;  // or the role stands in brackets
  Curve kappa;        // its score there, over the steps: 0 chance, 1 all of its attention
};

// NaN, or -1 for steps: not known (yet), and not shown.
struct Dashboard {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  std::string title;
  Index step = 0, steps = 0;
  double seconds = 0, seconds_left = kUnknown;
  double loss = kUnknown;      // of the last steps, smoothed
  double val_loss = kUnknown;  // of the last validation
  Index best_step = -1;
  double best_val_loss = kUnknown;
  double tokens_per_second = kUnknown, share_of_peak = kUnknown;
  double lr = kUnknown, grad_norm = kUnknown;
  Curve train, validation;
  std::vector<Level> levels;  // losses to compare with
  std::string sample;
  Index sample_step = -1;
  std::string notice;
  std::vector<std::string> facts;  // what else there is to say of the last validation
  std::vector<HeadLine> heads;     // when they are watched
};

// A frame of at most `rows` lines (never more than are of use) of at most `columns` columns. As the window shrinks the
// sample goes first, then the title, the heads, the chart, and the figures; the progress bar stays. Heads stand side by
// side where there are too many to have a line each, and the last ones are left out where that does not help.
std::vector<std::string> dashboard_frame(const Dashboard& board, int columns, int rows, bool colours);

// "▁▂▅█  ": values from 0 to 1 over steps, in exactly so many columns for the steps 0 .. steps, each as high as the last
// value known there; blank from beyond the last step of the curve.
std::string sparkline(const Curve& curve, Index steps, int columns);

// "████▌░░░": a share from 0 to 1 in exactly so many columns, in eighths of a column.
std::string progress_bar(double share, int columns);

}  // namespace headlight
