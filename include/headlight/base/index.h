// Index: the type of sizes and indices throughout.
#pragma once

#include <cstdint>

namespace headlight {

// Signed, so that a subtraction cannot wrap.
using Index = std::int64_t;

}  // namespace headlight
