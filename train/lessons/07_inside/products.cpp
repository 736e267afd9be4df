// Five matrix products, from three loops to the library's. CMakeLists.txt compiles this file with -O3 and OpenMP.
#include "lessons/07_inside/products.h"

#include <algorithm>
#include <array>

#include "headlight/base/threads.h"
#include "headlight/ops/ops.h"
#include "lessons/07_inside/speed.h"
#if defined(__x86_64__)
#include <immintrin.h>

#include "base/isa.h"
#endif

namespace headlight::lessons {

namespace {

constexpr Index kBlock = 32;               // numbers of each block, in each direction: 3 blocks take 12 KB
constexpr Index kRows = 4, kColumns = 16;  // of the tile of C that way 3 keeps in registers

// 1. Three loops. The inner loop reads a column of B: each number is in another cache line.
void naive(Index n, const float* a, const float* b, float* c) {
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      float sum = 0;
      for (Index k = 0; k < n; ++k) sum += a[i * n + k] * b[k * n + j];
      c[i * n + j] = sum;
    }
}

// 2. The same products block by block, so that the blocks stay in the cache, and with j innermost, so that the inner
//    loop reads rows. The compiler turns the inner loop into vectors of four numbers, which every x86-64 has.
void blocked(Index n, const float* a, const float* b, float* c) {
  std::fill_n(c, n * n, 0.0f);
  for (Index i0 = 0; i0 < n; i0 += kBlock)
    for (Index k0 = 0; k0 < n; k0 += kBlock)
      for (Index j0 = 0; j0 < n; j0 += kBlock)
        for (Index i = i0; i < i0 + kBlock; ++i)
          for (Index k = k0; k < k0 + kBlock; ++k)
            for (Index j = j0; j < j0 + kBlock; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
}

// 3. A tile of C stays in registers over all k: 4 rows of 2 vectors of 8 numbers are 8 independent
//    sums. A core can start two multiply-adds per cycle, and each takes four cycles, so 8 sums keep the core busy.
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void tile_avx2(Index n, const float* a, const float* b, float* c) {
  __m256 sum[kRows][2] = {};
  for (Index k = 0; k < n; ++k) {
    const __m256 left = _mm256_loadu_ps(b + k * n), right = _mm256_loadu_ps(b + k * n + 8);
    for (Index r = 0; r < kRows; ++r) {
      const __m256 x = _mm256_broadcast_ss(a + r * n + k);
      sum[r][0] = _mm256_fmadd_ps(x, left, sum[r][0]);
      sum[r][1] = _mm256_fmadd_ps(x, right, sum[r][1]);
    }
  }
  for (Index r = 0; r < kRows; ++r) {
    _mm256_storeu_ps(c + r * n, sum[r][0]);
    _mm256_storeu_ps(c + r * n + 8, sum[r][1]);
  }
}

// Only multiply-adds on registers, in 12 sums: 192 floating-point operations per round.
__attribute__((target("avx2,fma"))) float multiply_adds(Index rounds) {
  const __m256 factor = _mm256_set1_ps(0.999f), one = _mm256_set1_ps(1);
  __m256 sum[12];
  for (int i = 0; i < 12; ++i) sum[i] = _mm256_set1_ps(static_cast<float>(i));
  for (Index r = 0; r < rounds; ++r)
    for (__m256& s : sum) s = _mm256_fmadd_ps(s, factor, one);
  for (int i = 1; i < 12; ++i) sum[0] = _mm256_add_ps(sum[0], sum[i]);
  return _mm256_cvtss_f32(sum[0]);
}
#endif

// The same tile for other CPUs: the compiler chooses the vectors.
void tile_portable(Index n, const float* a, const float* b, float* c) {
  float sum[kRows][kColumns] = {};
  for (Index k = 0; k < n; ++k)
    for (Index r = 0; r < kRows; ++r)
      for (Index j = 0; j < kColumns; ++j) sum[r][j] += a[r * n + k] * b[k * n + j];
  for (Index r = 0; r < kRows; ++r) std::copy_n(sum[r], kColumns, c + r * n);
}

void tile(Index n, const float* a, const float* b, float* c) {
#if defined(__x86_64__)
  if (isa_available(Isa::kAvx2)) return tile_avx2(n, a, b, c);
#endif
  tile_portable(n, a, b, c);
}

// One strip of 16 columns of C. All its tiles read the same strip of B, which stays in the cache.
void strip(Index n, const float* a, const float* b, float* c) {
  for (Index i = 0; i < n; i += kRows) tile(n, a + i * n, b, c + i * n);
}

void intrinsics(Index n, const float* a, const float* b, float* c) {
  for (Index j = 0; j < n; j += kColumns) strip(n, a, b + j, c + j);
}

// 4. The strips do not depend on each other: OpenMP divides them among the cores.
void openmp(Index n, const float* a, const float* b, float* c) {
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) num_threads(thread_count())
#endif
  for (Index j = 0; j < n; j += kColumns) strip(n, a, b + j, c + j);
}

// 5. The library: src/kernels/simd/gemm.h. Larger tiles, blocks for every level of the cache, packed so that the tile
//    reads memory in order, and a team of threads that stays awake between products.
void library(Index n, const float* a, const float* b, float* c) {
  Tensor x = Tensor::empty({n, n}, DType::kFloat32), y = Tensor::empty({n, n}, DType::kFloat32);
  std::copy_n(a, n * n, x.data<float>());
  std::copy_n(b, n * n, y.data<float>());
  const Tensor product = matmul(x, y);
  std::copy_n(product.data<float>(), n * n, c);
}

constexpr std::array<WayToMultiply, 5> kWays = {{
    {"naive", "three loops", 1, naive},
    {"blocked", "blocks that fit the cache, rows instead of columns", 1, blocked},
    {"AVX2 intrinsics", "sums stay in registers, 8 numbers per instruction", 1, intrinsics},
    {"omp parallel for", "all cores", 0, openmp},
    {"library", "larger tiles, packed blocks, its own thread team", 0, library},
}};

}  // namespace

std::span<const WayToMultiply> ways_to_multiply() { return kWays; }

double peak_gflops() {
#if defined(__x86_64__)
  if (!isa_available(Isa::kAvx2)) return 0;
  constexpr Index kRounds = 200'000;
  float result = 0;  // used, so that the compiler keeps the loop
  const double seconds = least_seconds(40, [&] { result += multiply_adds(kRounds); });
  return result > 0 ? 192e-9 * kRounds / seconds : 0;
#else
  return 0;
#endif
}

}  // namespace headlight::lessons
