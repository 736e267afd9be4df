// The log of a run, read back.
#pragma once

#include <string>
#include <vector>

#include "headlight/run/trainer.h"

namespace headlight {

// Every step of log.jsonl, in order; a last line that was cut short is left out. Nothing when there is no such file.
// Error: a line that this program does not write, with its number.
std::vector<StepRecord> read_history(const std::string& path);

}  // namespace headlight
