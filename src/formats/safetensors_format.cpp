// The element types of safetensors, their names and sizes, and views of values in memory.
#include "formats/safetensors_format.h"

#include <array>
#include <bit>
#include <limits>

namespace headlight {

namespace {

struct TypeEntry {
  const char* name;
  Index bytes;
};

// In the order of StoredType.
constexpr std::array<TypeEntry, 15> kTypes = {{{"BOOL", 1},
                                               {"U8", 1},
                                               {"I8", 1},
                                               {"F8_E5M2", 1},
                                               {"F8_E4M3", 1},
                                               {"I16", 2},
                                               {"U16", 2},
                                               {"F16", 2},
                                               {"BF16", 2},
                                               {"I32", 4},
                                               {"U32", 4},
                                               {"F32", 4},
                                               {"F64", 8},
                                               {"I64", 8},
                                               {"U64", 8}}};
static_assert(kTypes.size() == static_cast<std::size_t>(StoredType::kU64) + 1);

template <class T>
constexpr StoredType type_of();
template <>
constexpr StoredType type_of<float>() {
  return StoredType::kF32;
}
template <>
constexpr StoredType type_of<double>() {
  return StoredType::kF64;
}
template <>
constexpr StoredType type_of<std::int32_t>() {
  return StoredType::kI32;
}
template <>
constexpr StoredType type_of<std::int64_t>() {
  return StoredType::kI64;
}
template <>
constexpr StoredType type_of<std::uint8_t>() {
  return StoredType::kU8;
}
template <>
constexpr StoredType type_of<std::uint64_t>() {
  return StoredType::kU64;
}

}  // namespace

std::string to_text(StoredType type) { return kTypes[static_cast<std::size_t>(type)].name; }

Index bytes_of(StoredType type) { return kTypes[static_cast<std::size_t>(type)].bytes; }

std::optional<StoredType> stored_type_named(std::string_view name) {
  for (std::size_t i = 0; i < kTypes.size(); ++i)
    if (name == kTypes[i].name) return static_cast<StoredType>(i);
  return std::nullopt;
}

std::optional<std::uint64_t> bytes_needed(StoredType type, std::span<const std::uint64_t> shape) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t bytes = static_cast<std::uint64_t>(bytes_of(type));
  std::uint64_t elements = 1;
  for (const std::uint64_t size : shape) {
    if (size != 0 && elements > kMax / size) return std::nullopt;
    elements *= size;
  }
  if (elements > kMax / (8 * bytes)) return std::nullopt;
  return elements * bytes;
}

template <class T>
TensorView tensor_view(std::string name, std::vector<Index> shape, std::span<const T> values) {
  // The writer copies the bytes from memory unchanged.
  static_assert(std::endian::native == std::endian::little, "the safetensors writer needs a little-endian machine");
  return {std::move(name), type_of<T>(), std::move(shape), std::as_bytes(values)};
}

template TensorView tensor_view<float>(std::string, std::vector<Index>, std::span<const float>);
template TensorView tensor_view<double>(std::string, std::vector<Index>, std::span<const double>);
template TensorView tensor_view<std::int32_t>(std::string, std::vector<Index>, std::span<const std::int32_t>);
template TensorView tensor_view<std::int64_t>(std::string, std::vector<Index>, std::span<const std::int64_t>);
template TensorView tensor_view<std::uint8_t>(std::string, std::vector<Index>, std::span<const std::uint8_t>);
template TensorView tensor_view<std::uint64_t>(std::string, std::vector<Index>, std::span<const std::uint64_t>);

}  // namespace headlight
