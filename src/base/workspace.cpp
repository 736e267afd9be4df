// The thread-local buffers behind workspace().
#include "base/workspace.h"

#include <cstdlib>

#include "headlight/base/error.h"

namespace headlight {

namespace {

struct Buffer {
  float* data = nullptr;
  Index count = 0;
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data); }
};

}  // namespace

float* workspace(Workspace slot, Index count) {
  thread_local Buffer buffers[kWorkspaceCount];
  Buffer& buffer = buffers[static_cast<int>(slot)];
  if (count > buffer.count) {
    // Round up to whole pages, so that slightly larger requests do not reallocate each time.
    constexpr Index kPage = 4096 / sizeof(float);
    const Index rounded = (count + kPage - 1) / kPage * kPage;
    std::free(buffer.data);
    buffer.count = 0;
    buffer.data = static_cast<float*>(std::aligned_alloc(64, static_cast<std::size_t>(rounded) * sizeof(float)));
    if (!buffer.data)
      fail("kernels: out of memory for a workspace of ", rounded, " floats; use a smaller model or batch");
    buffer.count = rounded;
  }
  return buffer.data;
}

}  // namespace headlight
