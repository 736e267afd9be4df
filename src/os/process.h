// Memory of this process and of the machine.
#pragma once

#include "headlight/base/index.h"

namespace headlight {

// Peak resident memory of this process in bytes, or 0 if unknown.
Index peak_memory_bytes();
// Physical memory of the machine in bytes, or 0 if unknown.
Index machine_memory_bytes();

}  // namespace headlight
