// The storage pool's size classes, free lists and statistics, under one mutex.
#include "headlight/tensor/pool.h"

#include <array>
#include <bit>
#include <mutex>
#include <new>

#include "headlight/base/error.h"

namespace headlight {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kRecycle = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kRecycle = false;
#else
constexpr bool kRecycle = true;
#endif
#else
constexpr bool kRecycle = true;
#endif

constexpr std::size_t kAlignment = 64;
constexpr int kStepsPerDoubling = 8;
constexpr int kLargestLog2 = 46;                                          // requests above 2^46 bytes are errors
constexpr std::size_t kClasses = (kLargestLog2 - 8) * kStepsPerDoubling;  // 8 up to 2^9, then 8 for each doubling

// Stored in the first bytes of a free block: the link to the next free block of its class.
struct FreeBlock {
  FreeBlock* next;
};

struct SizeClass {
  std::size_t index;
  std::size_t bytes;  // actual size of a block of this class
};

// Sizes up to 512 bytes round up to multiples of 64; larger sizes, to multiples of an eighth of the power of two below.
SizeClass size_class(std::size_t bytes) {
  if (bytes <= kAlignment * kStepsPerDoubling) {
    const std::size_t units = bytes == 0 ? 1 : (bytes + kAlignment - 1) / kAlignment;
    return {units - 1, units * kAlignment};
  }
  const int log2 = static_cast<int>(std::bit_width(bytes - 1)) - 1;  // 2^log2 < bytes <= 2^(log2 + 1)
  const std::size_t base = std::size_t{1} << log2;
  const std::size_t step = base / kStepsPerDoubling;
  const std::size_t steps = (bytes - base + step - 1) / step;  // 1..8
  // 512 = 2^9 is the first base; its classes follow the eight small ones.
  return {static_cast<std::size_t>(log2 - 9) * kStepsPerDoubling + kStepsPerDoubling + steps - 1, base + steps * step};
}

struct Pool {
  std::mutex mutex;
  std::array<FreeBlock*, kClasses> free{};
  PoolStats stats;
};

// Never destroyed, because tensors with static lifetime may release their storage after main().
Pool& pool() {
  static Pool& p = *new Pool;
  return p;
}

}  // namespace

void* pool_allocate(std::size_t bytes) {
  if (bytes > (std::size_t{1} << kLargestLog2)) fail("memory: cannot allocate ", bytes, " bytes; use a smaller size");
  const SizeClass wanted = size_class(bytes);
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  ++p.stats.requests;
  void* block = nullptr;
  if (FreeBlock*& head = p.free[wanted.index]; head) {
    block = head;
    head = head->next;
  } else {
    block = ::operator new (wanted.bytes, std::align_val_t{kAlignment}, std::nothrow);
    if (!block) fail("memory: cannot allocate ", wanted.bytes, " bytes; use a smaller batch, context or width");
    ++p.stats.system_allocations;
    p.stats.bytes_held += static_cast<Index>(wanted.bytes);
  }
  p.stats.bytes_in_use += static_cast<Index>(wanted.bytes);
  if (p.stats.bytes_in_use > p.stats.bytes_peak) p.stats.bytes_peak = p.stats.bytes_in_use;
  return block;
}

void pool_release(void* block, std::size_t bytes) noexcept {
  if (!block) return;
  const SizeClass is = size_class(bytes);
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.stats.bytes_in_use -= static_cast<Index>(is.bytes);
  if (kRecycle) {
    p.free[is.index] = new (block) FreeBlock{p.free[is.index]};
  } else {
    p.stats.bytes_held -= static_cast<Index>(is.bytes);
    ::operator delete (block, std::align_val_t{kAlignment});
  }
}

PoolStats pool_stats() {
  const std::lock_guard lock(pool().mutex);
  return pool().stats;
}

void pool_reset_peak() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.stats.bytes_peak = p.stats.bytes_in_use;
}

void pool_trim() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  // Inverse of size_class(): the block size follows from the class index.
  std::size_t bytes = 0;
  for (std::size_t index = 0; index < kClasses; ++index) {
    if (index < kStepsPerDoubling) {
      bytes = (index + 1) * kAlignment;
    } else {
      const std::size_t base = std::size_t{1} << (index / kStepsPerDoubling + 8);
      bytes = base + base / kStepsPerDoubling * (index % kStepsPerDoubling + 1);
    }
    while (FreeBlock* block = p.free[index]) {
      p.free[index] = block->next;
      p.stats.bytes_held -= static_cast<Index>(bytes);
      ::operator delete (block, std::align_val_t{kAlignment});
    }
  }
}

}  // namespace headlight
