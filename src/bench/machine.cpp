// The limits of this machine: what its arithmetic units and its memory deliver when nothing else holds them up.
#include <algorithm>
#include <bit>
#include <memory>
#include <new>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/isa.h"
#include "bench/bench.h"
#include "bench/median.h"
#include "headlight/base/error.h"
#include "headlight/base/threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace headlight {

namespace {

#if defined(__x86_64__)
// The inner loops below are written out by the indices k: left to the compiler, at -O2 they stay loops, whose sums live in
// memory, and the machine seems half as fast as it is.
constexpr int kChains = 12;  // independent, so that the units never wait for a result

template <int... k>
__attribute__((target("avx2,fma"))) float spin(Index rounds, std::integer_sequence<int, k...>) {
  const __m256 a = _mm256_set1_ps(1.0000001f), b = _mm256_set1_ps(1e-9f);
  __m256 c[kChains];
  ((c[k] = _mm256_set1_ps(0.5f + static_cast<float>(k))), ...);  // all different, or one would be computed for all
  for (Index i = 0; i < rounds; ++i) ((c[k] = _mm256_fmadd_ps(c[k], a, b)), ...);
  __m256 sum = _mm256_setzero_ps();
  ((sum = _mm256_add_ps(sum, c[k])), ...);
  return _mm256_cvtss_f32(sum);
}
#endif

// Where one thread reads or copies, again and again.
struct Share {
  float* data;
  Index count;  // floats, a multiple of kStride
};

constexpr Index kStride = 128;  // floats a turn of the loops below: eight cache lines

float read_plain(const Share& s, Index rounds) {
  float total = 0;
  for (Index round = 0; round < rounds; ++round) {
    float sum[16] = {};
    for (Index i = 0; i < s.count; i += 16)
      for (Index j = 0; j < 16; ++j) sum[j] += s.data[i + j];
    for (const float x : sum) total += x;
  }
  return total;
}

float copy_plain(const Share& s, Index rounds) {
  const Index half = s.count / 2;
  for (Index round = 0; round < rounds; ++round) {
    float* from = s.data + (round % 2 ? half : 0);
    float* to = s.data + (round % 2 ? 0 : half);
    for (Index i = 0; i < half; ++i) to[i] = from[i];
  }
  return s.data[0];
}

#if defined(__x86_64__)
// The sums are of integers, so that no chain of additions is longer than a load.
template <int... k>
__attribute__((target("avx2"))) float read_avx2(const Share& s, Index rounds, std::integer_sequence<int, k...>) {
  __m256i sum[sizeof...(k)];
  ((sum[k] = _mm256_setzero_si256()), ...);
  for (Index round = 0; round < rounds; ++round)
    for (Index i = 0; i < s.count; i += 64)
      ((sum[k] = _mm256_add_epi32(sum[k], _mm256_load_si256(reinterpret_cast<const __m256i*>(s.data + i + 8 * k)))),
       ...);
  __m256i total = _mm256_setzero_si256();
  ((total = _mm256_add_epi32(total, sum[k])), ...);
  return static_cast<float>(_mm256_extract_epi32(total, 0));
}

template <int... k>
__attribute__((target("avx2"))) float copy_avx2(const Share& s, Index rounds, std::integer_sequence<int, k...>) {
  const Index half = s.count / 2;  // a multiple of 64
  for (Index round = 0; round < rounds; ++round) {
    const float* from = s.data + (round % 2 ? half : 0);
    float* to = s.data + (round % 2 ? 0 : half);
    for (Index i = 0; i < half; i += 64) (_mm256_store_ps(to + i + 8 * k, _mm256_load_ps(from + i + 8 * k)), ...);
  }
  return s.data[0];
}
#endif

float move(const Share& s, Index rounds, Traffic traffic) {
#if defined(__x86_64__)
  constexpr std::make_integer_sequence<int, 8> kVectors;
  if (isa_available(Isa::kAvx2))
    return traffic == Traffic::kRead ? read_avx2(s, rounds, kVectors) : copy_avx2(s, rounds, kVectors);
#endif
  return traffic == Traffic::kRead ? read_plain(s, rounds) : copy_plain(s, rounds);
}

// The thread count of a measurement; what it was before comes back, whatever happens.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(thread_count()) { set_thread_count(threads); }
  ~ThreadScope() { set_thread_count(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

struct AlignedDelete {
  void operator()(float* p) const { ::operator delete (p, std::align_val_t{4096}); }
};

}  // namespace

double fma_peak(int threads) {
#if defined(__x86_64__)
  if (!isa_available(Isa::kAvx2)) return 0;
  const ThreadScope scope(threads);
  constexpr Index kRounds = 15'000'000;
  double best = 0;
  std::vector<float> results(static_cast<std::size_t>(threads));
  for (int attempt = 0; attempt < 5; ++attempt) {
    const double begin = monotonic_seconds();
    parallel_for(threads, 1, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i)
        results[static_cast<std::size_t>(i)] = spin(kRounds, std::make_integer_sequence<int, kChains>());
    });
    const double flops = static_cast<double>(threads) * static_cast<double>(kRounds) * kChains * 16;
    best = std::max(best, flops / (monotonic_seconds() - begin) / 1e9);
  }
  return results[0] > 0 ? best : 0;  // using a result keeps the loop
#else
  static_cast<void>(threads);
  return 0;
#endif
}

double measure_bandwidth(Index bytes, int threads, Traffic traffic) {
  constexpr Index kMost = Index{1} << 32;
  if (bytes <= 0 || bytes > kMost) fail("measure_bandwidth: ", bytes, " bytes; it takes from 1 to 2^32");
  const ThreadScope scope(threads);
  const Index stride_bytes = kStride * static_cast<Index>(sizeof(float));
  const Index count = std::max<Index>(1, bytes / threads / stride_bytes) * kStride;  // floats of a thread
  const std::size_t all = static_cast<std::size_t>(count * threads);
  // Not from the pool, which would keep it.
  const std::unique_ptr<float, AlignedDelete> memory(
      static_cast<float*>(::operator new (all * sizeof(float), std::align_val_t{4096}, std::nothrow)));
  if (!memory) fail("measure_bandwidth: the system refused ", all * sizeof(float), " bytes");
  std::fill_n(memory.get(), all, 1.0f);  // pages never written to would all be the same one
  std::vector<float> results(static_cast<std::size_t>(threads));
  const auto run = [&](Index rounds) {
    const double begin = monotonic_seconds();
    parallel_for(threads, 1, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i)
        results[static_cast<std::size_t>(i)] = move({memory.get() + i * count, count}, rounds, traffic);
    });
    return monotonic_seconds() - begin;
  };
  // As many rounds as take five milliseconds, so that starting the threads does not count.
  Index rounds = 1;
  while (run(rounds) < 0.005 && rounds < (Index{1} << 30)) rounds *= 2;
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt)
    best = std::max(best, static_cast<double>(rounds) * static_cast<double>(all * sizeof(float)) / run(rounds) / 1e9);
  return results[0] != -1 ? best : 0;  // using a result keeps the loop
}

double measure_join(int threads) {
  if (threads < 2) fail("measure_join: ", threads, " threads; it takes from 2 to 256");
  const ThreadScope scope(threads);
  constexpr Index kSteps = 2000;
  constexpr std::size_t kTries = 15;
  std::vector<std::thread::id> who(static_cast<std::size_t>(threads));
  std::vector<double> seconds;
  for (std::size_t attempt = 0; attempt < 10 * kTries && seconds.size() < kTries; ++attempt) {
    const double begin = monotonic_seconds();
    parallel_steps(kSteps, threads, [&](Index step, Index part) {
      if (step == kSteps / 2) who[static_cast<std::size_t>(part)] = std::this_thread::get_id();
    });
    const double taken = (monotonic_seconds() - begin) / static_cast<double>(kSteps);
    // One thread that takes the parts of others who sleep waits for nobody. Who is there half way is taken to have been
    // there all the time.
    if (std::set(who.begin(), who.end()).size() == who.size()) seconds.push_back(taken);
  }
  return seconds.empty() ? 0 : median(seconds);
}

double MachineLimits::fma_peak() {
  if (peak_ < 0) peak_ = headlight::fma_peak(thread_count());
  return peak_;
}

double MachineLimits::bandwidth(Index working_set) {
  // Quarters of the power of two below, as near as they come.
  const Index bytes = std::clamp<Index>(working_set, Index{1} << 12, Index{1} << 28);
  const Index quarter = std::max<Index>(1, static_cast<Index>(std::bit_floor(static_cast<std::size_t>(bytes))) / 4);
  const Index rounded = (bytes + quarter / 2) / quarter * quarter;
  const auto [at, missing] = bandwidths_.try_emplace(rounded, 0);
  if (missing)
    at->second = std::max(measure_bandwidth(rounded, thread_count(), Traffic::kRead),
                          measure_bandwidth(rounded, thread_count(), Traffic::kCopy));
  return at->second;
}

}  // namespace headlight
