// CRC-32 as zip, gzip and PNG use it (ISO 3309): polynomial 0x04C11DB7, bits reversed, all ones before and after.
#pragma once

#include <cstdint>
#include <string_view>

namespace headlight {

// Of all bytes of several pieces: crc32(b, crc32(a)) is that of a and b one after the other. Of "123456789" 0xCBF43926.
std::uint32_t crc32(std::string_view bytes, std::uint32_t before = 0);

}  // namespace headlight
