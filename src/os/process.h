// The memory of this process and of the machine it runs on.
#pragma once

#include "headlight/base/text.h"

namespace headlight {

// The most memory this process ever had resident, in bytes; 0 where that is unknown.
Index peak_memory_bytes();
// The memory of the machine, in bytes; 0 where that is unknown.
Index machine_memory_bytes();

}  // namespace headlight
