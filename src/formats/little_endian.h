// Appends numbers to a string as little-endian bytes, on machines of either byte order.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <type_traits>

namespace headlight {

template <class T>
void append_little(std::string& bytes, T value) {
  static_assert(std::is_arithmetic_v<T>);
  std::uint64_t bits = 0;
  if constexpr (std::is_same_v<T, float>) bits = std::bit_cast<std::uint32_t>(value);
  else if constexpr (std::is_same_v<T, double>) bits = std::bit_cast<std::uint64_t>(value);
  else bits = static_cast<std::uint64_t>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(bits >> (8 * i) & 0xFF);
}

}  // namespace headlight
