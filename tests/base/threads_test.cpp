#include "headlight/base/threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "headlight/base/error.h"

namespace headlight {
namespace {

class Threads : public ::testing::Test {
 protected:
  void TearDown() override { set_thread_count(before_); }
  int before_ = thread_count();
};

using Chunks = std::set<std::pair<Index, Index>>;

TEST_F(Threads, EachIndexOnceInTheSameChunksForEveryCount) {
  for (const Index n : {0, 1, 2, 7, 64, 65, 1000}) {
    for (const Index grain : {1, 2, 7, 64, 999, 5000}) {
      Chunks expected;
      for (Index begin = 0; begin < n; begin += grain) expected.insert({begin, std::min(begin + grain, n)});
      for (const int count : {1, 2, 3, 8}) {
        set_thread_count(count);
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(n));
        std::mutex mutex;
        Chunks chunks;
        parallel_for(n, grain, [&](Index begin, Index end) {
          for (Index i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
          const std::lock_guard lock(mutex);
          EXPECT_TRUE(chunks.insert({begin, end}).second);
        });
        for (const auto& visit : visits) ASSERT_EQ(visit, 1) << n << " " << grain << " " << count;
        EXPECT_EQ(chunks, expected) << n << " " << grain << " " << count;
      }
    }
  }
}

TEST_F(Threads, NothingToDo) {
  parallel_for(0, 10, [](Index, Index) { ADD_FAILURE(); });
  parallel_for(-3, 10, [](Index, Index) { ADD_FAILURE(); });
}

TEST_F(Threads, LoopsInsideLoops) {
  set_thread_count(3);
  std::vector<int> visits(100);
  parallel_for(10, 1, [&](Index outer, Index) {
    parallel_for(10, 2, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(outer * 10 + i)];
    });
  });
  EXPECT_EQ(visits, std::vector<int>(100, 1));
}

TEST_F(Threads, CountIsSetWithinBounds) {
  EXPECT_GE(thread_count(), 1);
  set_thread_count(3);
  EXPECT_EQ(thread_count(), has_openmp() ? 3 : 1);
  for (const int bad : {0, -1, 257}) EXPECT_THROW(set_thread_count(bad), Error) << bad;
  EXPECT_EQ(thread_count(), has_openmp() ? 3 : 1);
}

}  // namespace
}  // namespace headlight
