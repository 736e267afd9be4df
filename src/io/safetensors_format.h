// What the reader and the writer of safetensors share.
#pragma once

#include <optional>

#include "headlight/base/text.h"
#include "headlight/io/safetensors.h"

namespace headlight {

inline constexpr std::uint64_t kSafeTensorsMaxHeader = 100'000'000;
inline constexpr const char* kSafeTensorsMetadata = "__metadata__";

std::optional<StoredType> stored_type_named(std::string_view name);

// Bytes a tensor needs, or nothing if the number of its elements or bits does not fit 64 bits.
std::optional<std::uint64_t> bytes_needed(StoredType type, std::span<const std::uint64_t> shape);

// The bytes of a tensor, as what writes files takes them.
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
