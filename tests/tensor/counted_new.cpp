// Replaces the global operator new and operator delete with versions that count allocations.
#include "tensor/counted_new.h"

#include <atomic>
#include <cstdlib>
#include <new>

#include "tensor/sanitized.h"

namespace {
std::atomic<long> calls = 0;
}

long headlight::tests::new_calls() { return calls; }

#ifndef HEADLIGHT_ADDRESS_SANITIZER  // it has its own, and compares new with delete
// The other forms of new and delete end up in these.
void* operator new(std::size_t bytes) {
  ++calls;
  if (void* block = std::malloc(bytes ? bytes : 1)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  ++calls;
  const auto unit = static_cast<std::size_t>(alignment);
  if (void* block = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }
#endif
