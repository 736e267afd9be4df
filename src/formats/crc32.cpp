// Table-driven CRC-32, one byte at a time.
#include "formats/crc32.h"

#include <array>

namespace headlight {

namespace {

// Entry i is the CRC register after byte i is shifted through it (reflected form, lowest bit first).
constexpr std::array<std::uint32_t, 256> make_remainders() {
  constexpr std::uint32_t kReversedPolynomial = 0xEDB88320;
  std::array<std::uint32_t, 256> remainders{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = remainder >> 1 ^ (remainder & 1 ? kReversedPolynomial : 0);
    remainders[byte] = remainder;
  }
  return remainders;
}

constexpr std::array<std::uint32_t, 256> kRemainders = make_remainders();

}  // namespace

std::uint32_t crc32(std::string_view bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;
  for (const char c : bytes) crc = crc >> 8 ^ kRemainders[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~crc;
}

}  // namespace headlight
