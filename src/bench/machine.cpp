// Measures the limits of this machine: FMA throughput, bandwidth of caches and memory, and thread synchronization.
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
// The pack k unrolls the inner loops below. At -O2, compilers would not unroll plain loops and would store the
// accumulators in memory, which halves the measured throughput.
constexpr int kChains = 12;  // independent chains hide the latency of FMA

template <int... k>
__attribute__((target("avx2,fma"))) float spin(Index rounds, std::integer_sequence<int, k...>) {
  const __m256 a = _mm256_set1_ps(1.0000001f), b = _mm256_set1_ps(1e-9f);
  __m256 c[kChains];
  ((c[k] = _mm256_set1_ps(0.5f + static_cast<float>(k))),
   ...);  // distinct values, or the compiler would merge the chains
  for (Index i = 0; i < rounds; ++i) ((c[k] = _mm256_fmadd_ps(c[k], a, b)), ...);
  __m256 sum = _mm256_setzero_ps();
  ((sum = _mm256_add_ps(sum, c[k])), ...);
  return _mm256_cvtss_f32(sum);
}

// The same with vectors of 16 floats. Some CPUs start two of these instructions per cycle, others one.
template <int... k>
__attribute__((target("avx512f"))) float spin_avx512(Index rounds, std::integer_sequence<int, k...>) {
  const __m512 a = _mm512_set1_ps(1.0000001f), b = _mm512_set1_ps(1e-9f);
  __m512 c[kChains];
  ((c[k] = _mm512_set1_ps(0.5f + static_cast<float>(k))), ...);
  for (Index i = 0; i < rounds; ++i) ((c[k] = _mm512_fmadd_ps(c[k], a, b)), ...);
  __m512 sum = _mm512_setzero_ps();
  ((sum = _mm512_add_ps(sum, c[k])), ...);
  return _mm512_cvtss_f32(sum);
}
#endif

// The memory that one thread reads or copies repeatedly.
struct Share {
  float* data;
  Index count;  // floats, a multiple of kStride
};

constexpr Index kStride = 128;  // granularity in floats of the loops below: eight cache lines

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
// Adds integers, because an integer addition is faster than a load and does not limit the loop.
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

// Sets the thread count and restores the previous one in the destructor.
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
  const bool wide = current_isa() >= Isa::kAvx512;
  const double flops_each = wide ? 32 : 16;  // two for each element of a vector
  constexpr std::make_integer_sequence<int, kChains> kVectors;
  constexpr Index kRounds = 15'000'000;
  double best = 0;
  std::vector<float> results(static_cast<std::size_t>(threads));
  for (int attempt = 0; attempt < 5; ++attempt) {
    const double begin = monotonic_seconds();
    parallel_for(threads, 1, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i)
        results[static_cast<std::size_t>(i)] = wide ? spin_avx512(kRounds, kVectors) : spin(kRounds, kVectors);
    });
    const double flops = static_cast<double>(threads) * static_cast<double>(kRounds) * kChains * flops_each;
    best = std::max(best, flops / (monotonic_seconds() - begin) / 1e9);
  }
  return results[0] > 0 ? best : 0;  // keeps the compiler from removing the loop
#else
  static_cast<void>(threads);
  return 0;
#endif
}

double measure_bandwidth(Index bytes, int threads, Traffic traffic) {
  constexpr Index kMax = Index{1} << 32;
  if (bytes <= 0 || bytes > kMax)
    fail("measure_bandwidth: ", bytes, " bytes are outside 1 to 2^32; pass a size in this range");
  const ThreadScope scope(threads);
  const Index stride_bytes = kStride * static_cast<Index>(sizeof(float));
  const Index count = std::max<Index>(1, bytes / threads / stride_bytes) * kStride;  // floats per thread
  const std::size_t all = static_cast<std::size_t>(count * threads);
  // Do not allocate from the tensor pool, which would keep the memory.
  const std::unique_ptr<float, AlignedDelete> memory(
      static_cast<float*>(::operator new (all * sizeof(float), std::align_val_t{4096}, std::nothrow)));
  if (!memory) fail("measure_bandwidth: cannot allocate ", all * sizeof(float), " bytes; pass a smaller size");
  std::fill_n(memory.get(), all, 1.0f);  // unwritten pages would all map to the same zero page
  std::vector<float> results(static_cast<std::size_t>(threads));
  const auto run = [&](Index rounds) {
    const double begin = monotonic_seconds();
    parallel_for(threads, 1, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i)
        results[static_cast<std::size_t>(i)] = move({memory.get() + i * count, count}, rounds, traffic);
    });
    return monotonic_seconds() - begin;
  };
  // Enough rounds for 5 ms, so that the start of the threads is negligible.
  Index rounds = 1;
  while (run(rounds) < 0.005 && rounds < (Index{1} << 30)) rounds *= 2;
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt)
    best = std::max(best, static_cast<double>(rounds) * static_cast<double>(all * sizeof(float)) / run(rounds) / 1e9);
  return results[0] != -1 ? best : 0;  // keeps the compiler from removing the loop
}

double measure_synchronization(int threads) {
  if (threads < 2)
    fail("measure_synchronization: ", threads, " threads are outside 2 to 256; pass a count in this range");
  const ThreadScope scope(threads);
  constexpr Index kSteps = 2000;
  constexpr std::size_t kTries = 15;
  std::vector<std::thread::id> ids(static_cast<std::size_t>(threads));
  std::vector<double> seconds;
  for (std::size_t attempt = 0; attempt < 10 * kTries && seconds.size() < kTries; ++attempt) {
    const double begin = monotonic_seconds();
    parallel_steps(kSteps, threads, [&](Index step, Index part) {
      if (step == kSteps / 2) ids[static_cast<std::size_t>(part)] = std::this_thread::get_id();
    });
    const double taken = (monotonic_seconds() - begin) / static_cast<double>(kSteps);
    // While a thread sleeps, another thread executes its part, and no synchronization is measured. Count only runs in
    // which all threads took part in the middle step.
    if (std::set(ids.begin(), ids.end()).size() == ids.size()) seconds.push_back(taken);
  }
  return seconds.empty() ? 0 : median(seconds);
}

double MachineLimits::fma_peak() {
  if (peak_ < 0) peak_ = headlight::fma_peak(thread_count());
  return peak_;
}

double MachineLimits::bandwidth(Index working_set) {
  // Round to a multiple of a quarter of the largest power of two that is not above `bytes`.
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
