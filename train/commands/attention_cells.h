// The cells of attention maps in the terminal, and the map of a pair's cross-attention.
#pragma once

#include <cstdint>
#include <string>

#include "cli/cli.h"
#include "headlight/data/vocabulary.h"
#include "headlight/models/sequence_models.h"
#include "training/run_directory.h"

namespace headlight::cli {

enum class Colors { kTrue, k256, kNone };
// The value of --color; by default, what standard output supports. Error (UsageError): an unknown value.
Colors colors_of(const Arguments& args);

// A token as one terminal column. Spaces and line breaks have visible symbols; a dot replaces a token that is not one
// column wide.
std::string column_text(const Vocabulary& vocabulary, std::int32_t id);

// One attention weight, 0 to 1, as a cell. The square root makes small weights distinguishable.
std::string cell(double weight, Colors colors);

// heads show DIR HEAD|all SOURCE of an encoder-decoder: translates the source and draws the cross-attention weights;
// rows are target tokens, columns are source tokens. Errors: an unknown head, a source that does not fit.
int show_alignment(const Arguments& args, const TrainedModel& trained, const EncoderDecoder& model, Colors colors);

}  // namespace headlight::cli
