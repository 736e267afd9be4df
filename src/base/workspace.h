// Scratch memory for the kernels: thread-local buffers that grow on demand and are reused, so that training steps after
// the first allocate nothing here.
#pragma once

#include "headlight/base/index.h"

namespace headlight {

// The buffers. Kernels that call one another use different ones.
enum class Workspace { kPackedA, kPackedB, kAttention, kBlockSums, kOptimizer };
inline constexpr int kWorkspaceCount = 5;

// Returns the calling thread's buffer of at least `count` floats, 64-byte aligned, with arbitrary contents. Valid until
// the same thread requests a larger buffer in the same slot, or ends. Error: out of memory.
float* workspace(Workspace slot, Index count);

}  // namespace headlight
