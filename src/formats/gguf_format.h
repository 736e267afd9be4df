// Constants of the GGUF format, shared by the reader and the writer.
#pragma once

#include <cstdint>
#include <string_view>

namespace headlight {

inline constexpr std::string_view kGgufMagic = "GGUF";
inline constexpr std::uint32_t kGgufVersion = 3;
inline constexpr std::uint64_t kGgufAlignment = 32;

enum class GgufKind : std::uint32_t {
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
};
enum class GgufTensorType : std::uint32_t { kF32 = 0, kF16 = 1 };

}  // namespace headlight
