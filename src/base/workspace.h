// Scratch memory for the kernels: buffers that belong to a thread, grow when they must and are then used again, so that
// a training step allocates nothing once it has run.
#pragma once

#include "headlight/base/index.h"

namespace headlight {

// Which buffer: kernels that run inside one another use different ones.
enum class Workspace { kPackedA, kPackedB, kAttention, kBlockSums };
inline constexpr int kWorkspaceCount = 4;

// At least `count` floats on a 64-byte boundary, the calling thread's own. What they hold is whatever was left there.
// Valid until the same thread asks for more in the same slot, or ends. Error: out of memory.
float* workspace(Workspace slot, Index count);

}  // namespace headlight
