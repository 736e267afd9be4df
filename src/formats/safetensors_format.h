// Constants and helpers shared by the reader and the writer of safetensors.
#pragma once

#include <optional>

#include "headlight/base/text.h"
#include "headlight/formats/safetensors.h"

namespace headlight {

inline constexpr std::uint64_t kSafeTensorsMaxHeader = 100'000'000;
inline constexpr const char* kSafeTensorsMetadata = "__metadata__";

std::optional<StoredType> stored_type_named(std::string_view name);

// The size of a tensor in bytes, or std::nullopt if its number of elements or bits exceeds 64 bits.
std::optional<std::uint64_t> bytes_needed(StoredType type, std::span<const std::uint64_t> shape);

// The bytes of a tensor as a string_view, for the file writers.
inline std::string_view characters(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// "[2,3]"
template <class Sizes>
std::string shape_text(const Sizes& shape) {
  std::string text;
  for (const auto size : shape) text += cat(text.empty() ? "" : ",", size);
  return cat("[", text, "]");
}

}  // namespace headlight
