// Helpers shared by the export and import formats.
#pragma once

#include <span>

#include "exchange/exchange.h"

namespace headlight {

// Metadata keys of an exported model.safetensors. A program that replaces the weights drops these keys, so the values
// always describe the weights beside them.
inline constexpr const char *kStepKey = "headlight_step", *kLossKey = "headlight_val_loss";

// Strips the folders from all paths in the info, so that an export does not reveal local directories.
RunInfo without_folders(RunInfo info);

// Checks that the model read back equals the exported one within rounding; sets `verified` and `difference`. Error
// messages begin with `where`.
void check_reads_back(const TrainedModel& written, const Vocabulary& vocabulary, const LanguageModel& model,
                      const std::string& where, Exported& exported);

// Error: a model setting that is not in `supported` and differs from its default. A format therefore refuses every new
// setting until its `supported` list has the name.
void check_supported(const RunConfig& config, std::span<const char* const> supported, const std::string& format);
// The same with the settings of GPT-2 formats; check_is_gpt2() checks their values.
void check_gpt2_supported(const RunConfig& config, const std::string& format);

// Checks an imported configuration by the rules for command-line flags. Error messages begin with `where`.
void check_imported(const RunConfig& config, const std::string& where);

}  // namespace headlight
