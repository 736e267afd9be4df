// Counts heap allocations, so that `headlight bench step` and tests can show that a training step makes none.
#include "cli/allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define HEADLIGHT_COUNTS_NEW 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEADLIGHT_COUNTS_NEW 0
#endif
#endif
#ifndef HEADLIGHT_COUNTS_NEW
#define HEADLIGHT_COUNTS_NEW 1
#endif

namespace headlight::cli {

static std::atomic<Index> allocated = 0;

Index allocated_bytes() { return allocated; }

}  // namespace headlight::cli

#if HEADLIGHT_COUNTS_NEW
// The other forms of new and delete call these two.
void* operator new(std::size_t bytes) {
  headlight::cli::allocated.fetch_add(static_cast<headlight::Index>(bytes), std::memory_order_relaxed);
  if (void* block = std::malloc(bytes ? bytes : 1)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  headlight::cli::allocated.fetch_add(static_cast<headlight::Index>(bytes), std::memory_order_relaxed);
  const auto unit = static_cast<std::size_t>(alignment);
  if (bytes <= static_cast<std::size_t>(-1) - unit)
    if (void* block = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }
#endif
