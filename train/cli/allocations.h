// Counts the bytes that operator new allocates. Linking allocations.cpp replaces operator new in the whole program.
#pragma once

#include "headlight/base/index.h"

namespace headlight::cli {

// Total bytes since the start of the program. 0 under AddressSanitizer, which has an operator new of its own.
Index allocated_bytes();

}  // namespace headlight::cli
