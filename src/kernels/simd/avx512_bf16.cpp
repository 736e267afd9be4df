// The kernel table for AVX512-BF16: the table of AVX-512 with another product of bfloat16 operands. CMakeLists.txt
// passes the flags to this file only; its code runs only if isa.h detects the instructions.
//
// The micro-kernel (gemm_tile.h) does one vdpbf16ps where the float32 product does a multiply-add: a lane holds a pair
// of bfloat16 numbers, and both products are added to the lane's float. This halves the number of instructions and the
// size of packed blocks. kernels/bf16.h defines the rounding, the order of additions and the error bound.
//
// An element of a packed block is a pair: steps p and p+1 of k as two bfloat16 numbers in 32 bits, p in the lower half.
//
//   stored along k (A, B^T)                      stored across k (A^T, B)
//     row  a0 a1 a2 a3 ...  ->  a0a1  a2a3         row p    b0 b1 b2 ...
//                                                  row p+1  c0 c1 c2 ...   ->  b0c0  b1c1  b2c2
//   A: rows stay rows
//   B^T: 16 x 16 pairs are transposed in registers
//
// On Zen 4 a core starts one vdpbf16ps or one multiply-add of 16 lanes per cycle, so the product takes half the time.
// Xeons since Sapphire Rapids start one vdpbf16ps every two cycles, but two multiply-adds every cycle. The float32
// units are faster there, so isa.h selects this table only on request. AMX computes 16 x 16 tiles of the same pairs; a
// table for AMX would be another file like this one.
#include "kernels/kernels.h"

#if defined(__AVX512BF16__) && defined(__AVX512BW__)

#include "kernels/simd/gemm_threads.h"
#include "kernels/simd/vec_avx512.h"

namespace headlight::kernels {

namespace {

// The members that gemm.h describes.
struct Pairs {
  using Vector = Avx512;
  static constexpr Index kLanes = Avx512::kLanes;
  static constexpr bool kInPlace = false;
  static constexpr Index elements(Index k) { return (k + 1) / 2; }
  // Rows of A begin in different cache lines, at a distance that is no power of two.
  static constexpr Index stride(Index k) { return (elements(k) + 15) / 16 * 16 + 16; }

  [[gnu::always_inline]] static Avx512 multiply_add(Avx512 x, Avx512 y, Avx512 sum) {
    return {_mm512_dpbf16_ps(sum.v, (__m512bh)_mm512_castps_si512(x.v), (__m512bh)_mm512_castps_si512(y.v))};
  }

  static PanelsA packed(const float* data, Index rows, Index stride, bool trans) {
    return trans ? PanelsA{data, 1, rows, rows * stride} : PanelsA{data, stride, 1, rows * stride};
  }

  static void pack_a(Index count, Index rows, Index k, const float* a, Index lda, bool trans, float* out) {
    if (!trans) {
      for (Index i = 0; i < count * rows; ++i, a += lda, out += stride(k))
        for (Index p = 0; p < k; p += 2 * kLanes) along(a + p, k - p).store(out + p / 2);
      return;
    }
    for (Index begin = 0; begin < k; begin += kCopySteps) {
      const Index end = begin + kCopySteps < k ? begin + kCopySteps : k;
      for (Index t = 0; t < count; ++t) {
        const float* in = a + t * rows;
        float* panel = out + t * rows * stride(k);
        // The next step overwrites surplus lanes, as in gemm_pack.h.
        for (Index p = begin; p < end; p += 2)
          across(in + p * lda, p + 1 < k ? in + (p + 1) * lda : nullptr, rows).store(panel + p / 2 * rows);
      }
    }
  }

  static void pack_b(Index k, Index n, Index width, const float* b, Index ldb, bool trans, float* out) {
    const Index size = elements(k) * width;
    if (trans) {
      for (Index j = 0; j < n; j += width, out += size)
        for (Index v = 0; v < width; v += kLanes) transpose(n - j - v, k, b + (j + v) * ldb, ldb, out + v, width);
      return;
    }
    for (Index begin = 0; begin < k; begin += kCopySteps) {
      const Index end = begin + kCopySteps < k ? begin + kCopySteps : k;
      float* panel = out;
      for (Index j = 0; j < n; j += width, panel += size)
        for (Index v = 0; v < width; v += kLanes)
          for (Index p = begin; p < end; p += 2) {
            const float* low = b + p * ldb + j + v;
            across(low, p + 1 < k ? low + ldb : nullptr, n - j - v).store(panel + p / 2 * width + v);
          }
    }
  }

 private:
  // The first min(32, count) numbers from p on as 16 pairs; missing numbers are zeros.
  [[gnu::always_inline]] static Avx512 along(const float* p, Index count) {
    if (count >= 32) return {of(_mm512_cvtne2ps_pbh(_mm512_loadu_ps(p + 16), _mm512_loadu_ps(p)))};
    const auto there = static_cast<std::uint32_t>((std::uint64_t{1} << count) - 1);
    return {of(_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(static_cast<__mmask16>(there >> 16), p + 16),
                                   _mm512_maskz_loadu_ps(static_cast<__mmask16>(there), p)))};
  }

  // The 16 pairs (low[i], high[i]); pairs from `count` on are zeros. A null `high` stands for zeros.
  [[gnu::always_inline]] static Avx512 across(const float* low, const float* high, Index count) {
    const auto there = static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1);
    const __m512 l = _mm512_maskz_loadu_ps(there, low),
                 h = high ? _mm512_maskz_loadu_ps(there, high) : _mm512_setzero_ps();
    // Interleaves the 16-bit halves: 0, 16, 1, 17, ... of both operands.
    const __m512i lane = Avx512::Int::lanes().v;
    const __m512i halves = _mm512_or_si512(lane, _mm512_slli_epi32(_mm512_add_epi32(lane, _mm512_set1_epi32(16)), 16));
    return {_mm512_castsi512_ps(_mm512_permutexvar_epi16(halves, (__m512i)_mm512_cvtne2ps_pbh(h, l)))};
  }

  // out[p * ld_out + r] = pair p of row r for 16 rows; rows from `rows` on are zeros.
  static void transpose(Index rows, Index k, const float* in, Index ld, float* out, Index ld_out) {
    Avx512 r[kLanes];
    for (Index p = 0; p < k; p += 2 * kLanes, in += 2 * kLanes, out += kLanes * ld_out) {
      if (rows >= kLanes && k - p >= 2 * kLanes) {
#pragma GCC unroll 16
        for (Index i = 0; i < kLanes; ++i) r[i] = along(in + i * ld, 2 * kLanes);
        Avx512::transpose(r);
#pragma GCC unroll 16
        for (Index i = 0; i < kLanes; ++i) r[i].store(out + i * ld_out);
      } else {
        for (Index i = 0; i < kLanes; ++i) r[i] = i < rows ? along(in + i * ld, k - p) : Avx512::zero();
        Avx512::transpose(r);
        for (Index i = 0; i < kLanes && 2 * i < k - p; ++i) r[i].store(out + i * ld_out);
      }
    }
  }

  [[gnu::always_inline]] static __m512 of(__m512bh pairs) { return _mm512_castsi512_ps((__m512i)pairs); }
};

}  // namespace

const Table<float>& avx512_bf16_table() {
  static const Table<float> t = [] {
    Table<float> table = avx512_table();
    table.name = "avx512_bf16";
    table.gemm_bf16 = simd_gemm<Avx512, Pairs>;
    table.fast_bf16 = true;
    return table;
  }();
  return t;
}

}  // namespace headlight::kernels

#else

namespace headlight::kernels {

const Table<float>& avx512_bf16_table() { return avx512_table(); }

}  // namespace headlight::kernels

#endif
