// The thread pool: chunking, stealing, chains of steps, exceptions, and several callers.
#include "headlight/base/threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>
#include <thread>
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

// More chunks than the team can hold at a time.
TEST_F(Threads, ManyChunks) {
  set_thread_count(3);
  std::vector<std::uint8_t> visits(200'001);
  parallel_for(200'001, 1, [&](Index begin, Index) { ++visits[static_cast<std::size_t>(begin)]; });
  EXPECT_EQ(visits, std::vector<std::uint8_t>(200'001, 1));
}

// Each loop reads the results of the loop before. The sizes vary, some chunks take long so that other chunks are
// stolen, and pauses let the threads sleep.
TEST_F(Threads, LoopsOneAfterAnother) {
  for (const int count : {2, 4}) {
    set_thread_count(count);
    std::vector<Index> values(64);
    Index expected = 0;
    for (Index loop = 0; loop < 3000; ++loop) {
      const Index n = 1 + loop * 7 % 64;
      parallel_for(n, 1 + loop % 3, [&](Index begin, Index end) {
        for (Index spin = 0; begin == 0 && spin < loop % 100; ++spin)
          std::atomic_signal_fence(std::memory_order_seq_cst);
        for (Index i = begin; i < end; ++i) values[static_cast<std::size_t>(i)] += loop;
      });
      expected += n * loop;
      if (loop % 500 == 499) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    Index sum = 0;
    for (const Index value : values) sum += value;
    EXPECT_EQ(sum, expected) << count;
  }
}

// The team serves one caller at a time; the other callers run their loops without the team.
TEST_F(Threads, SeveralCallers) {
  set_thread_count(2);
  std::vector<std::thread> callers;
  std::atomic<int> wrong = 0;
  for (int c = 0; c < 3; ++c)
    callers.emplace_back([&] {
      std::vector<int> visits(50);
      for (int loop = 0; loop < 500; ++loop)
        parallel_for(50, 3, [&](Index begin, Index end) {
          for (Index i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
      if (visits != std::vector<int>(50, 500)) ++wrong;
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

// Each part of a step reads the results of all parts of the previous step. Some parts take long so that other parts are
// stolen, and pauses let the threads sleep.
TEST_F(Threads, StepsOneAfterAnother) {
  for (const int count : {1, 2, 3, 8}) {
    set_thread_count(count);
    for (const Index parts : {1, 2, 3, 7, 20})
      for (int chain = 0; chain < 60; ++chain) {
        const Index steps = chain % 12;
        std::vector<std::vector<Index>> values(static_cast<std::size_t>(steps) + 1,
                                               std::vector<Index>(static_cast<std::size_t>(parts)));
        values[0].assign(static_cast<std::size_t>(parts), 1);
        parallel_steps(steps, parts, [&](Index step, Index part) {
          for (Index spin = 0; part == step % parts && spin < chain * 20; ++spin)
            std::atomic_signal_fence(std::memory_order_seq_cst);
          Index sum = part;
          for (const Index value : values[static_cast<std::size_t>(step)]) sum = (sum + value) % 1'000'003;
          values[static_cast<std::size_t>(step) + 1][static_cast<std::size_t>(part)] += sum;
        });
        std::vector<Index> expected(static_cast<std::size_t>(parts), 1);
        for (Index step = 0; step < steps; ++step) {
          Index before = 0;
          for (const Index value : expected) before = (before + value) % 1'000'003;
          for (Index part = 0; part < parts; ++part)
            expected[static_cast<std::size_t>(part)] = (part + before) % 1'000'003;
        }
        ASSERT_EQ(values.back(), expected) << count << " threads, " << parts << " parts, " << steps << " steps";
        if (chain % 20 == 19) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
  }
}

// Chunks run concurrently: each chunk waits until all chunks have begun.
TEST_F(Threads, RunConcurrently) {
  if (!has_threads()) GTEST_SKIP() << "one thread alone";
  for (const int count : {2, 4}) {
    set_thread_count(count);
    std::atomic<int> begun = 0, met = 0;
    parallel_for(count, 1, [&](Index, Index) {
      ++begun;
      const auto start = std::chrono::steady_clock::now();
      while (begun < count && std::chrono::steady_clock::now() - start < std::chrono::seconds(20))
        std::this_thread::yield();
      if (begun == count) ++met;
    });
    EXPECT_EQ(met, count);
  }
}

// While one thread is busy with a long chunk, other threads steal the rest of its share.
TEST_F(Threads, StealFromABusyThread) {
  if (!has_threads()) GTEST_SKIP() << "one thread alone";
  set_thread_count(2);
  std::vector<std::thread::id> who(20);
  std::atomic<int> left = 19;
  parallel_for(20, 1, [&](Index begin, Index) {
    who[static_cast<std::size_t>(begin)] = std::this_thread::get_id();
    const auto start = std::chrono::steady_clock::now();
    // The first chunk ends only when all others are done. The next nine chunks belong to the same thread's share.
    if (begin > 0) --left;
    while (begin == 0 && left > 0 && std::chrono::steady_clock::now() - start < std::chrono::seconds(20))
      std::this_thread::yield();
  });
  EXPECT_EQ(left, 0);
  for (std::size_t i = 1; i < who.size(); ++i) EXPECT_NE(who[i], who[0]) << i;
}

// Loop numbers continue after chains without steps, although threads may still be polling for work.
TEST_F(Threads, NoSteps) {
  set_thread_count(3);
  std::vector<int> visits(9);
  for (int i = 0; i < 500; ++i) {
    for (const Index steps : {0, -1}) parallel_steps(steps, 9, [](Index, Index) { ADD_FAILURE(); });
    parallel_steps(3, 0, [](Index, Index) { ADD_FAILURE(); });
    parallel_steps(2, 9, [&](Index, Index part) { ++visits[static_cast<std::size_t>(part)]; });
  }
  EXPECT_EQ(visits, std::vector<int>(9, 1000));
}

// More parts than the team can hold at a time: all parts of a step still run before the next step.
TEST_F(Threads, ManyParts) {
  for (const Index parts : {65'535, 65'536}) {
    set_thread_count(2);
    std::vector<std::uint8_t> steps(static_cast<std::size_t>(parts));
    std::atomic<Index> done = 0;
    std::atomic<int> early = 0;
    parallel_steps(3, parts, [&](Index step, Index part) {
      if (done < step * parts) ++early;
      early += steps[static_cast<std::size_t>(part)]++ != step;
      ++done;
    });
    EXPECT_EQ(early, 0) << parts;
    EXPECT_EQ(done, 3 * parts);
  }
}

TEST_F(Threads, TheFirstExceptionReachesTheCallerAndTheNextLoopRuns) {
  for (const int count : {1, 2, 4}) {
    set_thread_count(count);
    for (const Index bad : {0, 7, 15}) {
      const auto body = [&](Index begin, Index) {
        if (begin == bad) fail("chunk ", begin);
      };
      try {
        parallel_for(16, 1, body);
        ADD_FAILURE() << "nothing was thrown";
      } catch (const Error& e) {
        EXPECT_STREQ(e.what(), cat("chunk ", bad).c_str());
      }
      std::atomic<int> after_it = 0;
      EXPECT_THROW(parallel_steps(5, 16,
                                  [&](Index step, Index part) {
                                    if (step == 2) body(part, part + 1);
                                    if (step > 2) ++after_it;
                                  }),
                   Error);
      EXPECT_EQ(after_it, 0);
      std::atomic<int> visits = 0;
      parallel_for(16, 1, [&](Index, Index) { ++visits; });
      EXPECT_EQ(visits, 16);
    }
  }
}

TEST_F(Threads, StepsInsideLoops) {
  set_thread_count(3);
  std::vector<int> visits(60);
  parallel_for(6, 1, [&](Index outer, Index) {
    parallel_steps(5, 2,
                   [&](Index step, Index part) { ++visits[static_cast<std::size_t>(outer * 10 + step * 2 + part)]; });
  });
  EXPECT_EQ(visits, std::vector<int>(60, 1));
}

TEST_F(Threads, CountIsSetWithinBounds) {
  EXPECT_GE(thread_count(), 1);
  set_thread_count(3);
  EXPECT_EQ(thread_count(), has_threads() ? 3 : 1);
  for (const int bad : {0, -1, 257}) EXPECT_THROW(set_thread_count(bad), Error) << bad;
  EXPECT_EQ(thread_count(), has_threads() ? 3 : 1);
}

}  // namespace
}  // namespace headlight
