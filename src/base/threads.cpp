// A team of OpenMP threads that is kept between loops, and chunks that threads claim.
//
// Why not `#pragma omp parallel for` around each loop: its barrier waits for every thread of the team, also for one
// that the system has not let run yet. A training step has hundreds of short loops; on a machine with other work to do
// each would wait for the scheduler: matrix products on two threads were measured at 0.4 to 7 GFLOP/s instead of some
// 100. Here nobody waits long for a thread that has not begun: whoever is there claims the chunks, and the caller takes
// what is left (work stealing).
//
//   1. The caller describes the loop, gives it the next number and publishes that: the team sees it.
//   2. The chunks are divided into one share for each thread. A thread claims chunks of its own share one by one. It has
//      the same share in every loop of the same size, so what a core wrote in one loop it reads in the next, from its own
//      cache: to read it from another core's took three times as long where it was measured, and five times while the
//      system had put the two far apart.
//   3. Then it looks at the others' shares. Of one that its thread has not begun it takes chunks at once; one that is
//      being worked on it leaves alone for a while, for its data are elsewhere. Where there is no more than a chunk for
//      each thread it waits that while in any case, since even to look would cost the other one time.
//   4. Each thread writes down how many chunks it has finished; when these are all, the loop is over.
//
// A chain is several loops published at once: whoever sees that one is over goes on to the next, with the next number.
//
// What a loop costs, some 0.2 us (half of that in a chain), is the way of cache lines from one core to another, so there
// is as little of that as possible. The number and the description lie on one line. What is claimed and what is finished
// carries the loop's number instead of being set back before each loop; so a thread that comes late, with an old number,
// finds that nothing is left of its loop, and the caller need not know whether it is still looking.
//
// A chunk that throws ends the work: what has not begun is left out, and the caller throws the first exception on.
//
// Which thread takes a chunk never matters: chunks are fixed by the loop and write outputs of their own.
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
  if (n < 1 || n > kMaxThreads) fail("threads: ", n, " is outside 1 to ", kMaxThreads);
}

void run_serially(Index loops, Index chunks, detail::ChunkBody body, const void* context) {
  for (Index loop = 0; loop < loops; ++loop)
    for (Index chunk = 0; chunk < chunks; ++chunk) body(context, loop, chunk);
}
}  // namespace

#ifdef HEADLIGHT_TEAM

namespace {

// Tells the core that this is a waiting loop.
void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Rounds of waiting before a thread gives its core away: some 20 microseconds on the machine this was measured on (an AMD
// EPYC), longer than the gap between two loops of a training step.
constexpr int kSpins = 2000;

// Rounds for which a thread leaves alone what another has begun, some 4 microseconds there, and after how many it looks
// again: each look takes the line away from the one who is claiming there.
constexpr int kPatience = 256, kRoundsToLook = 8;

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

  // Chunks first..first+count of a chain of loops; count up to kMaxChunks.
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
    std::uint64_t number;  // of its first loop: 1, 2, ...
    Index loops, first, count;
    detail::ChunkBody body;
    const void* context;
  };

  // A loop's number and a count of chunks in one word. Numbers have 48 bits: a year of nothing but loops.
  struct Tagged {
    std::uint64_t number;
    Index count;
    explicit Tagged(std::uint64_t word) : number(word >> 16), count(static_cast<Index>(word & 0xffff)) {}
    static std::uint64_t word(std::uint64_t number, Index count) {
      return number << 16 | static_cast<std::uint64_t>(count);
    }
  };

  // Each on its own cache line.
  struct alignas(64) Word {
    std::atomic<std::uint64_t> word = 0;
  };

  // A seqlock (Boehm 2012): whoever reads it while it changes must not believe it. The number is 0 meanwhile, and whoever
  // has seen a field of the new chain (acquire) sees at least that 0 (stored before the field was released). The last store
  // and the look at sleepers_ after it must not change places, nor what sleep() does with the two: all four are seq_cst.
  void publish(const Chain& chain) {
    published_.number.store(0, std::memory_order_relaxed);
    published_.loops.store(chain.loops, std::memory_order_release);
    published_.first.store(chain.first, std::memory_order_release);
    published_.count.store(chain.count, std::memory_order_release);
    published_.body.store(chain.body, std::memory_order_release);
    published_.context.store(chain.context, std::memory_order_release);
    published_.number.store(chain.number);
  }
  // False when it has changed meanwhile.
  bool read(std::uint64_t number, Chain& chain) const {
    chain = {number,
             published_.loops.load(std::memory_order_acquire),
             published_.first.load(std::memory_order_acquire),
             published_.count.load(std::memory_order_acquire),
             published_.body.load(std::memory_order_acquire),
             published_.context.load(std::memory_order_acquire)};
    return published_.number.load(std::memory_order_relaxed) == number;
  }

  // All loops of a chain. The caller returns when the last one is over, the others when there is nothing left to claim.
  void work_on(const Chain& chain, int self) {
    bool patient = true;
    for (Index loop = 0; loop < chain.loops; ++loop) {
      const std::uint64_t number = chain.number + static_cast<std::uint64_t>(loop);
      Index done = claim(chain, loop, self, 0, nullptr);
      write_down(self, number, done);
      // With one chunk a thread, to wait for the others' results costs less than to look whether they have begun.
      bool over = chain.count <= size_ && patient && wait(number, chain.count, kPatience);
      if (!over) {
        int patience = patient ? kPatience : 0;
        const Index own = done;
        for (int i = 1; i < size_; ++i) done += claim(chain, loop, self, i, &patience);
        // Who took something over will have to do so again: the other thread is not there.
        patient = done == own;
        if (!patient) write_down(self, number, done);
      }
      if (self > 0 && loop + 1 == chain.loops) return;
      if (!over) wait(number, chain.count);
    }
  }

  // Claims and does chunks of one share, the i-th from one's own on, until none are left. Where there is `patience`, only
  // after having waited for a thread that has begun. Of a loop that is over all chunks are claimed. Relaxed is enough: an
  // exchange sees the last value there is, and what chunks wrote is handed on by finished().
  Index claim(const Chain& chain, Index loop, int self, int i, int* patience) {
    const std::uint64_t number = chain.number + static_cast<std::uint64_t>(loop);
    const int owner = self + i < size_ ? self + i : self + i - size_;
    // Rounded up, so that the caller, who is there, has chunks even where not everybody does.
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
        for (int round = 0; round < kRoundsToLook; ++round) pause();
        *patience -= kRoundsToLook;
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
      // The caller reads it once the chain is over, as it does all that chunks have written.
      if (!failed_.exchange(true)) failure_ = std::current_exception();
    }
  }

  void write_down(int self, std::uint64_t number, Index done) {
    if (done > 0)
      finished_[static_cast<std::size_t>(self)].word.store(Tagged::word(number, done), std::memory_order_release);
  }

  // Whether a loop of `count` chunks is over. Who has written down a later number of the chain has seen that it is.
  bool finished(std::uint64_t number, Index count) const {
    Index sum = 0;
    for (int t = 0; t < size_; ++t) {
      const Tagged by_thread(finished_[static_cast<std::size_t>(t)].word.load(std::memory_order_acquire));
      if (by_thread.number > number) return true;
      if (by_thread.number == number) sum += by_thread.count;
    }
    return sum == count;
  }
  // Until it is over.
  void wait(std::uint64_t number, Index count) const {
    if (wait(number, count, kSpins)) return;
    while (!finished(number, count)) std::this_thread::yield();
  }
  // For so many rounds. Returns whether it is over.
  bool wait(std::uint64_t number, Index count, int rounds) const {
    for (int round = 0; round < rounds; ++round) {
      if (finished(number, count)) return true;
      pause();
    }
    return false;
  }

  void work(int self) {
    std::uint64_t done = 0;  // the number of the last chain that it looked at
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

  // Until there is another loop, or longer; it counts itself among the sleepers before it looks.
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
  std::array<Word, kMaxThreads> claimed_, finished_;  // of each share; by each thread
  alignas(64) std::atomic<bool> failed_ = false;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;  // with OpenMP the one that hosts its team
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

// The team belongs to one loop at a time: a loop inside a loop, or of another thread meanwhile, runs on its caller alone.
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
