// Index: the integer type of all sizes and indices.
#pragma once

#include <cstdint>

namespace headlight {

// Signed, so that differences of sizes can be negative.
using Index = std::int64_t;

}  // namespace headlight
