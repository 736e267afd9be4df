// The storage pool: memory that is given back is kept and handed out again, so a training loop, which asks for the same
// sizes every step, allocates nothing after its second step.
//
// Blocks come in size classes (eight to each doubling, so at most an eighth is wasted) and are 64-byte aligned. A block
// is only ever reused for its own class: once every class has as many blocks as a step needs at a time, no later step
// can need more. Under AddressSanitizer the pool passes every request through, so that misuse is seen.
#pragma once

#include <cstddef>
#include <vector>

#include "headlight/base/index.h"

namespace headlight {

struct PoolStats {
  Index requests = 0;            // blocks asked for since the start
  Index system_allocations = 0;  // of these, how many had to come from the system
  Index bytes_in_use = 0;        // handed out now
  Index bytes_peak = 0;          // the most that was ever handed out at a time
  Index bytes_held = 0;          // taken from the system and not given back: in use or free
};

// Error: out of memory, naming the size. 0 bytes is a valid request.
void* pool_allocate(std::size_t bytes);
void pool_release(void* block, std::size_t bytes) noexcept;
PoolStats pool_stats();
// bytes_peak counts from here on: from what is in use now.
void pool_reset_peak();
// Gives the free blocks back to the system.
void pool_trim();

// Standard containers on the pool: what an operation keeps for its backward pass costs no allocation either.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(pool_allocate(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) noexcept { pool_release(p, n * sizeof(T)); }
  friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};

template <class T>
using PoolVector = std::vector<T, PoolAllocator<T>>;

}  // namespace headlight
