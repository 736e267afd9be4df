// The log of a run: log.jsonl, one object a step, and log.csv, the same for spreadsheets. The first is what counts: on
// resume the second is made anew from it.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/training/evaluate.h"

namespace headlight {

inline constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// What is known after a step.
struct StepRecord {
  Index step = 0;                  // steps done before this one
  double loss = kNotMeasured;      // of this step's batch, before its update; not measured in the record after the last
  double val_loss = kNotMeasured;  // before this step, on steps that validate
  double lr = 0;
  double grad_norm = kNotMeasured;  // before clipping
  double tokens_per_second = 0;     // of this step
  double seconds = 0;               // of training since the start, validation included; goes on after a resume
  // On steps that validate, for a text whose truth is known.
  double floor = kNotMeasured;  // the lowest loss possible on what was validated
  std::vector<RuleLoss> rules{};
  std::vector<ReferenceLoss> references{};  // the first is the optimum; empty when the corpus names no others
};

// A line of log.jsonl / log.csv, without its '\n'. What was not measured is null / empty; rules and references stand in
// the first alone.
std::string json_line(const StepRecord& record);
std::string csv_line(const StepRecord& record);
inline constexpr const char* kCsvHeader = "step,loss,val_loss,lr,grad_norm,tokens_per_second,seconds";

// All records of a log.jsonl, without rules and references; a last line that was cut short is left out.
// Errors: no such file; a line that this program does not write, with its number.
std::vector<StepRecord> read_log(const std::string& path);

class RunLog {
 public:
  RunLog() = default;  // keeps nothing
  // Of a run directory, which need not exist yet.
  explicit RunLog(const std::string& directory);

  // Lines are held back and written a hundred or so at a time.
  void add(const StepRecord& record);
  void flush();
  // The same, and log.jsonl is on the disk when it returns.
  void flush_to_disk();
  // After a resume at `step`: what comes from there on will be made, and logged, again; whatever stands there, half lines
  // or what a power failure left, is not looked at. The last record before it.
  // Error: a line before it that this program does not write.
  StepRecord cut_from(Index step);

 private:
  std::string json_path_, csv_path_;
  std::string json_lines_, csv_lines_;
};

}  // namespace headlight
