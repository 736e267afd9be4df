// The log of a run: log.jsonl has one JSON object per step; log.csv has the same data for spreadsheets.
// On resume, log.csv is regenerated from log.jsonl.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/training/evaluate.h"

namespace headlight {

inline constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// The measurements of one step; losses in nats per token.
struct StepRecord {
  Index step = 0;                  // number of steps completed before this one
  double loss = kNotMeasured;      // of this step's batch, before the update; NaN in the record after the last step
  double val_loss = kNotMeasured;  // before the update; NaN on steps without validation
  double lr = 0;
  double grad_norm = kNotMeasured;  // before clipping
  double tokens_per_second = 0;     // in this step
  double seconds = 0;               // training and validation time since the start, summed over resumes
  // Set on steps with validation, if the text's true distribution is known.
  double floor = kNotMeasured;  // the entropy floor of the validated tokens
  std::vector<RuleLoss> rules{};
  std::vector<ReferenceLoss> references{};  // the first is "optimum"; empty if the corpus has no references
};

// A line of log.jsonl / log.csv, without the final '\n'. NaN becomes null / an empty cell. Only log.jsonl has rules and
// references.
std::string json_line(const StepRecord& record);
std::string csv_line(const StepRecord& record);
inline constexpr const char* kCsvHeader = "step,loss,val_loss,lr,grad_norm,tokens_per_second,seconds";

// All records of a log.jsonl, without rules and references; an incomplete last line is skipped.
// Errors: no such file; a malformed line (the message gives its number).
std::vector<StepRecord> read_log(const std::string& path);

class RunLog {
 public:
  RunLog() = default;  // writes nothing
  // Logs into a run directory, which need not exist yet.
  explicit RunLog(const std::string& directory);

  // Buffers about a hundred lines before writing them.
  void add(const StepRecord& record);
  void flush();
  // Flushes the buffer, and syncs log.jsonl to the disk.
  void flush_to_disk();
  // For a resume at `step`: removes the records from `step` on and returns the last record before `step`. The removed
  // lines may be malformed (incomplete, or damaged by a power failure). Error: a malformed line before `step`.
  StepRecord cut_from(Index step);

 private:
  std::string json_path_, csv_path_;
  std::string json_lines_, csv_lines_;
};

}  // namespace headlight
