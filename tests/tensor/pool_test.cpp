// Tests of the storage pool: size classes, alignment, recycling, statistics and errors.
#include "headlight/tensor/pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "headlight/base/error.h"
#include "tensor/sanitized.h"

namespace headlight {
namespace {

using tests::kAddressSanitizer;

// The bytes that the statistics count for a request of `bytes`.
Index block_bytes(std::size_t bytes) {
  const Index before = pool_stats().bytes_in_use;
  void* block = pool_allocate(bytes);
  const Index taken = pool_stats().bytes_in_use - before;
  pool_release(block, bytes);
  EXPECT_EQ(pool_stats().bytes_in_use, before);
  return taken;
}

TEST(Pool, SizeClasses) {
  struct Row {
    std::size_t bytes;
    Index block;
  };
  const Row table[] = {{0, 64},      {1, 64},      {64, 64},     {65, 128},        {128, 128},
                       {129, 192},   {448, 448},   {449, 512},   {511, 512},       {512, 512},
                       {513, 576},   {576, 576},   {577, 640},   {1023, 1024},     {1024, 1024},
                       {1025, 1152}, {1152, 1152}, {2048, 2048}, {2049, 2304},     {4095, 4096},
                       {4097, 4608}, {5000, 5120}, {8192, 8192}, {100000, 106496}, {1 << 20, 1 << 20}};
  for (const Row& row : table) EXPECT_EQ(block_bytes(row.bytes), row.block) << row.bytes;
}

TEST(Pool, BlocksHoldWhatWasAskedForAndWasteAnEighthAtMost) {
  for (std::size_t bytes = 1; bytes < 20000; ++bytes) {
    const auto block = static_cast<std::size_t>(block_bytes(bytes));
    ASSERT_GE(block, bytes);
    ASSERT_LE(block, std::max<std::size_t>(bytes + 63, bytes + bytes / 8)) << bytes;
  }
}

TEST(Pool, BlocksAreAlignedWritableAndApart) {
  struct Block {
    unsigned char* at;
    std::size_t bytes;
  };
  std::vector<Block> blocks;
  for (const std::size_t bytes : {0u, 1u, 63u, 64u, 65u, 511u, 512u, 513u, 1000u, 4097u, 100001u}) {
    for (int i = 0; i < 3; ++i) {
      auto* at = static_cast<unsigned char*>(pool_allocate(bytes));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at) % 64, 0u) << bytes;
      if (bytes > 0) std::memset(at, static_cast<int>(blocks.size()), bytes);
      blocks.push_back({at, bytes});
    }
  }
  for (std::size_t i = 0; i < blocks.size(); ++i)
    EXPECT_TRUE(std::all_of(blocks[i].at, blocks[i].at + blocks[i].bytes, [&](unsigned char c) { return c == i; }))
        << i;
  for (const Block& block : blocks) pool_release(block.at, block.bytes);
}

TEST(Pool, RecyclesWithinASizeClass) {
  if (kAddressSanitizer) GTEST_SKIP() << "under AddressSanitizer nothing is recycled";
  pool_trim();
  void* first = pool_allocate(1000);
  pool_release(first, 1000);
  const Index system = pool_stats().system_allocations;
  void* second = pool_allocate(970);  // 961..1024 is one class
  EXPECT_EQ(second, first);
  EXPECT_EQ(pool_stats().system_allocations, system);
  void* third = pool_allocate(960);  // the class below
  EXPECT_EQ(pool_stats().system_allocations, system + 1);
  pool_release(second, 970);
  pool_release(third, 960);
}

TEST(Pool, SameRequestsInAnyOrderAllocateNothingTheSecondTime) {
  if (kAddressSanitizer) GTEST_SKIP() << "under AddressSanitizer nothing is recycled";
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < 200; ++i) sizes.push_back(i * i * 7 % 5000);
  const auto round = [&] {
    std::vector<void*> blocks;
    for (const std::size_t bytes : sizes) blocks.push_back(pool_allocate(bytes));
    for (std::size_t i = 0; i < sizes.size(); ++i) pool_release(blocks[i], sizes[i]);
  };
  round();
  const Index system = pool_stats().system_allocations;
  std::reverse(sizes.begin(), sizes.end());
  round();
  EXPECT_EQ(pool_stats().system_allocations, system);
}

TEST(Pool, CountsWhatItDoes) {
  pool_trim();
  const PoolStats before = pool_stats();
  void* a = pool_allocate(1 << 20);
  void* b = pool_allocate(1 << 20);
  const PoolStats both = pool_stats();
  EXPECT_EQ(both.requests, before.requests + 2);
  EXPECT_EQ(both.system_allocations, before.system_allocations + 2);
  EXPECT_EQ(both.bytes_in_use, before.bytes_in_use + (2 << 20));
  EXPECT_EQ(both.bytes_held, before.bytes_held + (2 << 20));
  EXPECT_GE(both.bytes_peak, both.bytes_in_use);
  pool_release(a, 1 << 20);
  pool_release(b, 1 << 20);
  const PoolStats after = pool_stats();
  EXPECT_EQ(after.bytes_in_use, before.bytes_in_use);
  EXPECT_EQ(after.bytes_peak, both.bytes_peak);
  pool_reset_peak();
  EXPECT_EQ(pool_stats().bytes_peak, after.bytes_in_use) << "counted from here on";
  EXPECT_EQ(after.bytes_held, kAddressSanitizer ? before.bytes_held : both.bytes_held);
}

TEST(Pool, TrimGivesFreeBlocksBack) {
  void* kept = pool_allocate(1 << 16);
  for (const std::size_t bytes : {1u, 64u, 65u, 512u, 513u, 576u, 1024u, 1025u, 4097u, 1u << 22})
    pool_release(pool_allocate(bytes), bytes);
  pool_trim();
  const PoolStats stats = pool_stats();
  EXPECT_EQ(stats.bytes_held, stats.bytes_in_use);  // every class was counted with its own size
  std::memset(kept, 1, 1 << 16);
  pool_release(kept, 1 << 16);
  pool_trim();
  EXPECT_EQ(pool_stats().bytes_held, stats.bytes_held - (1 << 16));
}

TEST(Pool, ReleaseOfNothing) { pool_release(nullptr, 100); }

TEST(Pool, RefusesImpossibleSizes) {
  EXPECT_THROW(pool_allocate(std::size_t(-1)), Error);
  EXPECT_THROW(pool_allocate((std::size_t{1} << 46) + 1), Error);
}

TEST(Pool, WorksFromSeveralThreads) {
  const Index before = pool_stats().bytes_in_use;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (std::size_t i = 0; i < 2000; ++i) {
        const std::size_t bytes = 8 + (i * 37 + t) % 700;
        auto* block = static_cast<std::size_t*>(pool_allocate(bytes));
        *block = t;
        std::this_thread::yield();
        EXPECT_EQ(*block, t);
        pool_release(block, bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool_stats().bytes_in_use, before);
}

TEST(PoolVector, UsesThePool) {
  const Index before = pool_stats().bytes_in_use;
  {
    const PoolVector<double> numbers(1000, 1.0);
    EXPECT_EQ(pool_stats().bytes_in_use, before + 8192);
  }
  EXPECT_EQ(pool_stats().bytes_in_use, before);
}

}  // namespace
}  // namespace headlight
