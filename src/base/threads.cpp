// A team of OpenMP threads that is kept between loops, and chunks that threads claim.
//
// Why not `#pragma omp parallel for` around each loop: its barrier waits for every thread of the team, also for one
// that the system has not let run yet. A training step has hundreds of short loops; on a machine with other work to do
// each would wait for the scheduler: matrix products on two threads were measured at 0.4 to 7 GFLOP/s instead of some
// 100. Here nobody waits for a thread that has not begun: whoever is there claims the chunks, and the caller takes what
// is left.
//
//   1. The caller describes the loop, divides the chunks into one share for each thread, and opens the loop.
//   2. Each thread claims chunks of its own share one by one (an atomic counter), then of the others' shares. A thread
//      has the same share in every loop of the same size, so data stays in its cache.
//   3. When no chunk is left the caller closes the loop and waits for those that are still computing one.
//
// Which thread takes a chunk never matters: chunks are fixed by the loop and write outputs of their own.
#include "headlight/base/threads.h"

#ifdef _OPENMP
#include <omp.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#endif

#include "headlight/base/error.h"

namespace headlight {

namespace {
constexpr int kMaxThreads = 256;

void check_count(int n) {
  if (n < 1 || n > kMaxThreads) fail("threads: ", n, " is outside 1 to ", kMaxThreads);
}

void run_serially(Index chunks, detail::ChunkBody body, const void* context) {
  for (Index chunk = 0; chunk < chunks; ++chunk) body(context, chunk);
}
}  // namespace

#ifdef _OPENMP

namespace {

// Tells the core that this is a waiting loop.
void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// Rounds of waiting before a thread gives its core away: about 20 microseconds, longer than the gap between two loops of
// a training step.
constexpr int kSpins = 2000;

class Team {
 public:
  explicit Team(int threads) : size_(threads) {
    host_ = std::thread([this] {
#pragma omp parallel num_threads(size_ - 1)
      work(omp_get_thread_num() + 1);
    });
  }

  ~Team() {
    stop_ = true;
    wake();
    host_.join();
  }

  int size() const { return size_; }

  void run(Index chunks, detail::ChunkBody body, const void* context) {
    chunks_ = chunks;
    body_ = body;
    context_ = context;
    for (int t = 0; t < size_; ++t) shares_[static_cast<std::size_t>(t)].next = share_begin(t);
    open_ = true;
    wake();
    claim(0);
    open_ = false;
    // A thread counts itself in before it looks whether the loop is open, so after this nobody can be in it unseen.
    for (int spins = 0; inside_ != 0; ++spins) {
      if (spins < kSpins) pause();
      else std::this_thread::yield();
    }
  }

 private:
  // Each on its own cache line.
  struct alignas(64) Share {
    std::atomic<Index> next = 0;
  };

  Index share_begin(int thread) const { return chunks_ * thread / size_; }

  void claim(int self) {
    for (int i = 0; i < size_; ++i) {
      const int owner = self + i < size_ ? self + i : self + i - size_;
      Share& share = shares_[static_cast<std::size_t>(owner)];
      const Index end = share_begin(owner + 1);
      while (share.next.load(std::memory_order_relaxed) < end) {
        const Index chunk = share.next.fetch_add(1, std::memory_order_relaxed);
        if (chunk < end) body_(context_, chunk);
      }
    }
  }

  void work(int self) {
    unsigned seen = 0;
    while (!stop_) {
      ++inside_;
      if (open_) claim(self);
      --inside_;
      for (int spins = 0; loops_ == seen && spins < kSpins; ++spins) pause();
      if (loops_ == seen) loops_.wait(seen);
      seen = loops_;
    }
  }

  void wake() {
    ++loops_;
    loops_.notify_all();
  }

  const int size_;
  // The loop; written while it is closed and nobody is inside.
  Index chunks_ = 0;
  detail::ChunkBody body_ = nullptr;
  const void* context_ = nullptr;
  std::array<Share, kMaxThreads> shares_;

  alignas(64) std::atomic<bool> open_ = false;
  std::atomic<bool> stop_ = false;
  alignas(64) std::atomic<int> inside_ = 0;  // threads that may be claiming
  alignas(64) std::atomic<unsigned> loops_ = 0;
  std::thread host_;
};

int& chosen_count() {
  static int count = [] {
    const int wanted = omp_get_max_threads();
    return wanted < 1 ? 1 : wanted > kMaxThreads ? kMaxThreads : wanted;
  }();
  return count;
}

// The team belongs to one loop at a time: a loop inside a loop, or of another thread meanwhile, runs on its caller alone.
std::atomic_flag team_busy = ATOMIC_FLAG_INIT;

}  // namespace

int thread_count() { return chosen_count(); }

void set_thread_count(int n) {
  check_count(n);
  chosen_count() = n;
}

bool has_openmp() { return true; }

void detail::run_chunks(Index chunks, ChunkBody body, const void* context) {
  const int wanted = thread_count();
  if (wanted <= 1 || chunks <= 1 || team_busy.test_and_set(std::memory_order_acquire))
    return run_serially(chunks, body, context);
  static std::unique_ptr<Team> team;
  if (!team || team->size() != wanted) team = std::make_unique<Team>(wanted);
  team->run(chunks, body, context);
  team_busy.clear(std::memory_order_release);
}

#else

int thread_count() { return 1; }

void set_thread_count(int n) { check_count(n); }

bool has_openmp() { return false; }

void detail::run_chunks(Index chunks, ChunkBody body, const void* context) { run_serially(chunks, body, context); }

#endif

}  // namespace headlight
