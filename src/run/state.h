// What state.safetensors and model.safetensors hold besides tensors, and under which names.
#pragma once

#include <string>

#include "headlight/io/safetensors.h"

namespace headlight {

inline constexpr const char* kModelPrefix = "model.";
inline constexpr const char* kOptimizerPrefix = "optimizer.";

// Numbers in the metadata, as text that reads back the same. Errors: missing or malformed; the line names the file.
Index metadata_whole(const SafeTensors& file, const std::string& key);
double metadata_real(const SafeTensors& file, const std::string& key);  // "nan" is allowed
std::string real_text(double value);

}  // namespace headlight
