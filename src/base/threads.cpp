// A persistent team of OpenMP threads with work stealing.
//
// `#pragma omp parallel for` around each loop is too slow: its barrier waits for every thread of the team, including
// threads that the operating system has not scheduled yet. A training step has hundreds of short loops, and on a busy
// machine each of them would wait for the scheduler. Here no loop waits for a thread that has not started: the running
// threads steal its chunks.
//
//   1. The caller publishes the loop's description with the next loop number.
//   2. The chunks are divided into one share per thread. A thread claims the chunks of its own share one by one. The
//      share is the same in every loop of the same size, so a core finds its previous outputs in its own cache; reading
//      them from another core's cache takes three to five times as long (Zen 4).
//   3. Then the thread steals. It steals from idle shares at once, and backs off before stealing from a share whose
//      owner is active, because its data is in the owner's cache. With at most one chunk per thread, a thread always
//      backs off first, because even reading the owner's counter slows the owner down.
//   4. Each thread publishes how many chunks it has finished. When these counts add up to all chunks, the loop is over.
//
// A chain is several loops published at once: a thread that sees one loop finished continues with the next loop number.
//
// Loop overhead, about 0.2 us (half of that in a chain; Zen 4), is dominated by cache-line transfers between cores.
// Therefore the loop number and the description share one cache line. The counters of claimed and finished chunks carry
// the loop number instead of being reset before each loop. A late thread with an old number thus finds nothing left to
// claim, and the caller does not have to wait for it.
//
// If a chunk throws, the chunks that have not begun are skipped, and the caller rethrows the first exception.
//
// The assignment of chunks to threads never affects results: chunks are fixed by the loop and write their own outputs.
#include "headlight/base/threads.h"

#if defined(_OPENMP) || defined(HEADLIGHT_STD_THREADS)
#define HEADLIGHT_TEAM 1
#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <utility>
#include <vector>
#endif

#include "headlight/base/error.h"

namespace headlight {

namespace {
constexpr int kMaxThreads = 256;

void check_count(int n) {
  if (n < 1 || n > kMaxThreads) fail("threads: ", n, " is out of range; use 1 to ", kMaxThreads);
}

void run_serially(Index loops, Index chunks, detail::ChunkBody body, const void* context) {
  for (Index loop = 0; loop < loops; ++loop)
    for (Index chunk = 0; chunk < chunks; ++chunk) body(context, loop, chunk);
}
}  // namespace

#ifdef HEADLIGHT_TEAM

namespace {

// Tells the CPU that the thread is in a spin loop.
void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Spin rounds before a waiting thread yields its core: about 20 us (Zen 4), longer than the gap between two loops of a
// training step.
constexpr int kSpins = 2000;

// kPatience: spin rounds for which a thief backs off from an active share, about 4 us (Zen 4). kRoundsPerRead: spin
// rounds between two reads of the owner's counter, because each read takes the counter's cache line from the owner's
// core.
constexpr int kPatience = 256, kRoundsPerRead = 8;

class Team {
 public:
  static constexpr Index kMaxChunks = 0xffff;

  explicit Team(int threads) : size_(threads) {
#ifdef _OPENMP
    threads_.emplace_back([this] {
#pragma omp parallel num_threads(size_ - 1)
      work(omp_get_thread_num() + 1);
    });
#else
    for (int self = 1; self < size_; ++self) threads_.emplace_back([this, self] { work(self); });
#endif
  }

  ~Team() {
    stop_ = true;
    ++wakes_;
    wakes_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  int size() const { return size_; }

  // Runs chunks first..first+count of each loop of a chain; count <= kMaxChunks.
  void run(Index loops, Index first, Index count, detail::ChunkBody body, const void* context) {
    const Chain chain{number_ + 1, loops, first, count, body, context};
    number_ += static_cast<std::uint64_t>(loops);
    publish(chain);
    if (sleepers_ != 0) {
      ++wakes_;
      wakes_.notify_all();
    }
    work_on(chain, 0);
    if (failed_) {
      failed_ = false;
      std::rethrow_exception(std::exchange(failure_, nullptr));
    }
  }

 private:
  struct Chain {
    std::uint64_t number;  // of its first loop; counts from 1
    Index loops, first, count;
    detail::ChunkBody body;
    const void* context;
  };

  // A loop number (48 bits, enough for a year of empty loops) and a count of chunks (16 bits) in one word.
  struct Tagged {
    std::uint64_t number;
    Index count;
    explicit Tagged(std::uint64_t word) : number(word >> 16), count(static_cast<Index>(word & 0xffff)) {}
    static std::uint64_t word(std::uint64_t number, Index count) {
      return number << 16 | static_cast<std::uint64_t>(count);
    }
  };

  // An atomic word on its own cache line.
  struct alignas(64) Word {
    std::atomic<std::uint64_t> word = 0;
  };

  // A seqlock (Boehm 2012): the number is 0 while the fields change, and a reader discards the fields if the number
  // changed during the read. The writer stores the 0 before it releases the new fields, so a reader that acquires a new
  // field value also sees that the number changed. The final store of the number must not be reordered with the read of
  // sleepers_ after it. The same holds for the two accesses in sleep(). All four are therefore seq_cst.
  void publish(const Chain& chain) {
    published_.number.store(0, std::memory_order_relaxed);
    published_.loops.store(chain.loops, std::memory_order_release);
    published_.first.store(chain.first, std::memory_order_release);
    published_.count.store(chain.count, std::memory_order_release);
    published_.body.store(chain.body, std::memory_order_release);
    published_.context.store(chain.context, std::memory_order_release);
    published_.number.store(chain.number);
  }
  // Returns false if the chain changed during the read.
  bool read(std::uint64_t number, Chain& chain) const {
    chain = {number,
             published_.loops.load(std::memory_order_acquire),
             published_.first.load(std::memory_order_acquire),
             published_.count.load(std::memory_order_acquire),
             published_.body.load(std::memory_order_acquire),
             published_.context.load(std::memory_order_acquire)};
    return published_.number.load(std::memory_order_relaxed) == number;
  }

  // Runs all loops of a chain. The caller returns when the last loop is over, the other threads when nothing is left to
  // claim.
  void work_on(const Chain& chain, int self) {
    bool patient = true;
    for (Index loop = 0; loop < chain.loops; ++loop) {
      const std::uint64_t number = chain.number + static_cast<std::uint64_t>(loop);
      Index done = claim(chain, loop, self, 0, nullptr);
      publish_finished(self, number, done);
      // With one chunk per thread, waiting for the others costs less than checking whether they have begun.
      bool over = chain.count <= size_ && patient && wait(number, chain.count, kPatience);
      if (!over) {
        int patience = patient ? kPatience : 0;
        const Index own = done;
        for (int i = 1; i < size_; ++i) done += claim(chain, loop, self, i, &patience);
        // After a successful steal, stop backing off: the share's owner is probably not running.
        patient = done == own;
        if (!patient) publish_finished(self, number, done);
      }
      if (self > 0 && loop + 1 == chain.loops) return;
      if (!over) wait(number, chain.count);
    }
  }

  // Claims and runs chunks of the share of thread self + i until none are left. Returns the number of chunks run. A
  // non-null `patience` is the remaining back-off from an active owner. A late thread claims nothing, because all
  // chunks of a finished loop are claimed. Relaxed order suffices: a compare-exchange reads the latest value, and
  // finished() synchronizes the chunks' writes.
  Index claim(const Chain& chain, Index loop, int self, int i, int* patience) {
    const std::uint64_t number = chain.number + static_cast<std::uint64_t>(loop);
    const int owner = self + i < size_ ? self + i : self + i - size_;
    // Rounded up, so that thread 0 (the caller, which is certainly running) has chunks even if other threads have none.
    const Index begin = (chain.count * owner + size_ - 1) / size_,
                end = (chain.count * (owner + 1) + size_ - 1) / size_;
    std::atomic<std::uint64_t>& claimed = claimed_[static_cast<std::size_t>(owner)].word;
    std::uint64_t before = claimed.load(std::memory_order_relaxed);
    Index done = 0;
    while (true) {
      const Tagged seen(before);
      if (seen.number > number) return done;
      const Index chunk = begin + (seen.number == number ? seen.count : 0);
      if (chunk >= end) return done;
      if (patience && *patience > 0 && seen.number == number && done == 0) {
        for (int round = 0; round < kRoundsPerRead; ++round) pause();
        *patience -= kRoundsPerRead;
        before = claimed.load(std::memory_order_relaxed);
        continue;
      }
      const std::uint64_t after = Tagged::word(number, chunk + 1 - begin);
      if (!claimed.compare_exchange_weak(before, after, std::memory_order_relaxed)) continue;
      call(chain, loop, chain.first + chunk);
      ++done;
      before = after;
    }
  }

  void call(const Chain& chain, Index loop, Index chunk) {
    if (failed_.load(std::memory_order_relaxed)) return;
    try {
      chain.body(chain.context, loop, chunk);
    } catch (...) {
      // The caller reads failure_ after the chain is over, like everything that chunks wrote.
      if (!failed_.exchange(true)) failure_ = std::current_exception();
    }
  }

  void publish_finished(int self, std::uint64_t number, Index done) {
    if (done > 0)
      finished_[static_cast<std::size_t>(self)].word.store(Tagged::word(number, done), std::memory_order_release);
  }

  // Whether a loop of `count` chunks is over. If a thread has published a count for a later loop of the chain, this
  // loop is over.
  bool finished(std::uint64_t number, Index count) const {
    Index sum = 0;
    for (int t = 0; t < size_; ++t) {
      const Tagged by_thread(finished_[static_cast<std::size_t>(t)].word.load(std::memory_order_acquire));
      if (by_thread.number > number) return true;
      if (by_thread.number == number) sum += by_thread.count;
    }
    return sum == count;
  }
  // Waits until the loop is over.
  void wait(std::uint64_t number, Index count) const {
    if (wait(number, count, kSpins)) return;
    while (!finished(number, count)) std::this_thread::yield();
  }
  // Waits for at most this many spin rounds; returns whether the loop is over.
  bool wait(std::uint64_t number, Index count, int rounds) const {
    for (int round = 0; round < rounds; ++round) {
      if (finished(number, count)) return true;
      pause();
    }
    return false;
  }

  void work(int self) {
    std::uint64_t done = 0;  // the number of the last chain this thread worked on
    int spins = 0;
    while (!stop_) {
      const std::uint64_t number = published_.number.load(std::memory_order_acquire);
      if (number == 0 || number == done) {
        pause();
        if (++spins >= kSpins) sleep(done);
        continue;
      }
      Chain chain;
      if (!read(number, chain)) continue;
      work_on(chain, self);
      done = number;
      spins = 0;
    }
  }

  // Sleeps until the next chain is published, or longer. Increments sleepers_ before it checks the number, so that the
  // caller cannot miss a sleeper.
  void sleep(std::uint64_t done) {
    const unsigned wakes = wakes_;
    ++sleepers_;
    if (published_.number == done && !stop_) wakes_.wait(wakes);
    --sleepers_;
  }

  const int size_;
  std::uint64_t number_ = 0;
  struct alignas(64) {
    std::atomic<std::uint64_t> number = 0;
    std::atomic<Index> loops = 0, first = 0, count = 0;
    std::atomic<detail::ChunkBody> body = nullptr;
    std::atomic<const void*> context = nullptr;
  } published_;
  alignas(64) std::atomic<unsigned> wakes_ = 0;
  std::atomic<int> sleepers_ = 0;
  std::atomic<bool> stop_ = false;
  std::array<Word, kMaxThreads> claimed_, finished_;  // claimed: by share; finished: by thread
  alignas(64) std::atomic<bool> failed_ = false;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;  // with OpenMP: one thread, which hosts the OpenMP team
};

std::atomic<int>& chosen_count() {
  static std::atomic<int> count = [] {
#ifdef _OPENMP
    const int wanted = omp_get_max_threads();
#else
    const int wanted = static_cast<int>(std::thread::hardware_concurrency());
#endif
    return wanted < 1 ? 1 : wanted > kMaxThreads ? kMaxThreads : wanted;
  }();
  return count;
}

// The team runs one loop at a time: a nested loop, or a concurrent loop of another thread, runs on its caller alone.
std::atomic_flag team_busy = ATOMIC_FLAG_INIT;

}  // namespace

int thread_count() { return chosen_count(); }

void set_thread_count(int n) {
  check_count(n);
  chosen_count() = n;
}

bool has_threads() { return true; }

void detail::run_chunks(Index loops, Index chunks, ChunkBody body, const void* context) {
  if (loops <= 0 || chunks <= 0) return;
  const int wanted = thread_count();
  if (wanted <= 1 || chunks == 1 || (loops > 1 && chunks > Team::kMaxChunks) ||
      team_busy.test_and_set(std::memory_order_acquire))
    return run_serially(loops, chunks, body, context);
  struct Release {
    ~Release() { team_busy.clear(std::memory_order_release); }
  } const release;
  static std::unique_ptr<Team> team;
  if (!team || team->size() != wanted) team = std::make_unique<Team>(wanted);
  for (Index first = 0; first < chunks; first += Team::kMaxChunks)
    team->run(loops, first, std::min(chunks - first, Team::kMaxChunks), body, context);
}

#else

int thread_count() { return 1; }

void set_thread_count(int n) { check_count(n); }

bool has_threads() { return false; }

void detail::run_chunks(Index loops, Index chunks, ChunkBody body, const void* context) {
  run_serially(loops, chunks, body, context);
}

#endif

}  // namespace headlight
