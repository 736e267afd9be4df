// What state.safetensors and model.safetensors hold besides tensors, and under which names.
#pragma once

#include <string>

#include "headlight/formats/safetensors.h"
#include "headlight/models/transformer.h"

namespace headlight {

inline constexpr const char* kModelPrefix = "model.";
inline constexpr const char* kOptimizerPrefix = "optimizer.";

// Numbers in the metadata, as text that reads back the same. Errors: missing or malformed; the line names the file.
Index metadata_whole(const SafeTensors& file, const std::string& key);
double metadata_real(const SafeTensors& file, const std::string& key);  // "nan" is allowed
std::string real_text(double value);
std::uint64_t metadata_uint64(const SafeTensors& file, const std::string& key);

// A file of ours: tensors and metadata with a checksum over both, for the format itself notices no changed byte.
void save_checked(const std::string& path, std::span<const TensorView> tensors, Metadata metadata);
// Errors: those of SafeTensors::load; no checksum, or it is not that of the contents.
SafeTensors load_checked(const std::string& path);

// Refuses a file with fewer values under the prefix than the weights of such a model, before it is made: a
// configuration that asks for more than the file can fill must not reach an allocation.
void check_size(const SafeTensors& file, const std::string& prefix, const TransformerConfig& config);

}  // namespace headlight
