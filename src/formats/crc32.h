// CRC-32 of zip, gzip and PNG (ISO 3309): polynomial 0x04C11DB7, reflected, initial value and final XOR 0xFFFFFFFF.
#pragma once

#include <cstdint>
#include <string_view>

namespace headlight {

// To continue over several pieces, pass the previous result: crc32(b, crc32(a)) is the CRC of a followed by b.
// crc32("123456789") is 0xCBF43926.
std::uint32_t crc32(std::string_view bytes, std::uint32_t before = 0);

}  // namespace headlight
