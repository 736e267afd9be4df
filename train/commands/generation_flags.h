// The text generation flags that sample and chat share, and the token that generation starts from.
#pragma once

#include "cli/cli.h"
#include "headlight/base/index.h"
#include "headlight/data/vocabulary.h"
#include "headlight/generation/generate.h"
#include "training/run_directory.h"

namespace headlight::cli {

// --chars, --temperature, --top-k, --top-p, --repetition-penalty, --stop, --seed, --bf16, --int8, --last.
std::vector<Flag> generation_flags(const char* chars_help, const char* chars_default);

struct GenerationFlags {
  Index chars;
  SampleOptions options;
  Index seed;  // from --seed, or random
  std::string stop;
  WeightFormat weights;
  bool last;
};
// From --bf16 or --int8. Error (UsageError): both.
WeightFormat weight_format_of(const Arguments& args);
// Parses the flags; `chars` is the default of --chars. Error (UsageError): a number out of range, an empty --stop.
GenerationFlags generation_flags_of(const Arguments& args, Index chars);

// Generates text with the model, with weights in this format. Prints a notice if each token runs the model on the whole
// window. `trained` must outlive the result. Error: rounded weights, and the model is not a transformer.
TextGenerator text_generator_of(const TrainedModel& trained, WeightFormat weights);

// Removes a byte order mark from text read from standard input and reports the removal; keeps the mark if tokens are
// bytes. Error: UTF-16 or UTF-32.
std::string without_byte_order_mark(std::string text, const Vocabulary& vocabulary);

// The token to start from without a prompt: a document end, a line break, or token 0.
std::vector<std::int32_t> start_tokens(const RunInfo& info);

}  // namespace headlight::cli
