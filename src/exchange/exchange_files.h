// What the formats of exchange/exchange.h share.
#pragma once

#include <span>

#include "exchange/exchange.h"

namespace headlight {

// In the metadata of an exported model.safetensors. Whoever writes other weights in its place writes these away, so that they
// never speak of weights they do not belong to.
inline constexpr const char *kStepKey = "headlight_step", *kLossKey = "headlight_val_loss";

// A run's configuration for other people's eyes: of files, the names without the folders they were in.
RunInfo without_folders(RunInfo info);

// That what was read back is what was written, within rounding; fills in `verified` and `difference`. Errors begin with
// `where`.
void check_reads_back(const TrainedModel& written, const Vocabulary& vocabulary, const CharTransformer& model,
                      const std::string& where, Exported& exported);

// Error: a setting of the model that is not in `held`, and not what it is by default. A setting that is added is therefore
// refused by every format until the format's list names it.
void check_holds(const RunConfig& config, std::span<const char* const> held, const std::string& format);
// The same with the settings of which check_is_gpt2() knows the values that GPT-2 has a place for.
void check_gpt2_holds(const RunConfig& config, const std::string& format);

// Config of an imported model, held to the rules that flags are held to. Error: `where`: what is not allowed.
void check_imported(const RunConfig& config, const std::string& where);

}  // namespace headlight
