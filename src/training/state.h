// The metadata, tensor name prefixes and checksum of state.safetensors and model.safetensors.
#pragma once

#include <string>

#include "headlight/formats/safetensors.h"
#include "headlight/models/registry.h"

namespace headlight {

inline constexpr const char* kModelPrefix = "model.";
inline constexpr const char* kOptimizerPrefix = "optimizer.";
inline constexpr const char* kAveragePrefix = "average.";  // of the weights
inline constexpr const char* kCarriedPrefix = "carried.";  // a model's state between training windows

// Numbers in the metadata, stored as text that converts back to the same value. Errors: missing, malformed.
Index metadata_whole(const SafeTensors& file, const std::string& key);
double metadata_real(const SafeTensors& file, const std::string& key);  // "nan" is allowed
std::string real_text(double value);
std::uint64_t metadata_uint64(const SafeTensors& file, const std::string& key);

// Writes tensors and metadata with a checksum over both, because the safetensors format has no checksum.
void save_checked(const std::string& path, std::span<const TensorView> tensors, Metadata metadata);
// Errors: those of SafeTensors::load; a missing or wrong checksum.
SafeTensors load_checked(const std::string& path);

// Fails if the file has fewer values under the prefix than a model of this cost has parameters. Call this
// function before building the model, so that a damaged configuration cannot cause a huge allocation.
void check_size(const SafeTensors& file, const std::string& prefix, const ModelCost& cost);

}  // namespace headlight
