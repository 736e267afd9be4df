// What sample and chat share: the flags that say how a model writes, and where it begins.
#pragma once

#include "cli/cli.h"
#include "headlight/base/text.h"
#include "headlight/generation/generate.h"
#include "training/run_directory.h"

namespace headlight::cli {

// --chars, --temperature, --top-k, --top-p, --repetition-penalty, --stop, --seed, --int8, --last.
std::vector<Flag> writing_flags(const char* chars_help, const char* chars_default);

struct Writing {
  Index chars;
  SampleOptions options;
  Index seed;  // that of --seed, or one that chance chose
  std::string stop;
  bool int8, last;
};
// Errors (UsageError): a number out of its range, an empty --stop.
Writing writing_of(const Arguments& args, Index chars);

// What a text begins after, when nothing is given: a document, a line break, or the first character there is.
std::vector<std::int32_t> fresh_start(const RunInfo& info);

}  // namespace headlight::cli
