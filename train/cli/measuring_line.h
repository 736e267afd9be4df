// What a long measurement is at, on one line of a terminal that renews itself and is gone afterwards.
#pragma once

#include <string>

#include "cli.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "heads/study/measuring.h"

namespace headlight::cli {

// --plain and --quiet, for commands that measure for a while.
std::vector<Flag> progress_flags(const char* group);

class MeasuringLine {
 public:
  // Shows nothing with --plain or --quiet, where standard error is no terminal, or one that cannot renew lines.
  explicit MeasuringLine(const Arguments& args);
  ~MeasuringLine();
  MeasuringLine(const MeasuringLine&) = delete;
  MeasuringLine& operator=(const MeasuringLine&) = delete;

  // "seed 3  heads ablated, 12 of 51" with `before` "seed 3  ", some ten times a second.
  void show(const std::string& before, const char* what, Index done, Index of);
  // For a measurement that lasts no longer than this: it shows what it is at, and goes on as long as `go_on` says so.
  Measuring measuring(const std::string& before = "measuring: ", const std::function<bool()>& go_on = {});
  // Nothing stands there any more.
  void clear() noexcept;

 private:
  bool lively_;
  double drawn_ = 0;  // when; 0: nothing stands there
};

}  // namespace headlight::cli
