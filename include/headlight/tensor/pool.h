// The storage pool: recycles released blocks. A training loop requests the same sizes in every step, so it makes no
// system allocation after its second step.
//
// Blocks are 64-byte aligned and come in size classes: multiples of 64 bytes up to 512 bytes, then eight classes per
// doubling, which waste at most an eighth. A released block is reused only for its own class. Once every class
// holds as many blocks as one step uses at the same time, later steps allocate nothing. Under AddressSanitizer every
// request goes to the system, so that AddressSanitizer detects misuse.
#pragma once

#include <cstddef>
#include <vector>

#include "headlight/base/index.h"

namespace headlight {

struct PoolStats {
  Index requests = 0;            // blocks requested since the program started
  Index system_allocations = 0;  // requests that the system served, not the pool
  Index bytes_in_use = 0;        // allocated and not yet released
  Index bytes_peak = 0;          // maximum of bytes_in_use since the start or pool_reset_peak()
  Index bytes_held = 0;          // obtained from the system and not returned: in use or free
};

// Returns a block of at least `bytes` bytes; 0 is valid. Error: out of memory; the message gives the size in bytes.
void* pool_allocate(std::size_t bytes);
// Returns a block to the pool; `bytes` must equal the requested size. A null block is ignored.
void pool_release(void* block, std::size_t bytes) noexcept;
PoolStats pool_stats();
// Sets bytes_peak to the current bytes_in_use.
void pool_reset_peak();
// Returns the free blocks to the system.
void pool_trim();

// Lets standard containers allocate from the pool, so that data saved for a backward pass needs no system allocation.
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
