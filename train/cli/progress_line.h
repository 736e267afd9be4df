// A progress line for long measurements: redrawn in place on a terminal and erased at the end.
#pragma once

#include <string>

#include "cli.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "heads/study/progress.h"

namespace headlight::cli {

// The flags --plain and --quiet, for commands with long measurements.
std::vector<Flag> progress_flags(const char* group);

class ProgressLine {
 public:
  // Shows nothing with --plain or --quiet, or if standard error is not a terminal that can redraw lines.
  explicit ProgressLine(const Arguments& args);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Shows "<before><what>, <done> of <of>", as in "seed 3  heads ablated, 12 of 51". Redraws at most ten times a
  // second.
  void show(const std::string& before, const char* what, Index done, Index of);
  // Returns callbacks that show a measurement's progress on this line, and stop the measurement when go_on() returns
  // false. This object must outlive the callbacks.
  Progress progress(const std::string& before = "measuring: ", const std::function<bool()>& go_on = {});
  // Erases the line.
  void clear() noexcept;

 private:
  bool lively_;
  double drawn_ = 0;  // time of the last redraw, in seconds; 0: no line is shown
};

}  // namespace headlight::cli
