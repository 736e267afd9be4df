// Sixteen floats in an AVX-512 register: the vector type of avx512.cpp. vec_avx2.h documents the members. Mask
// registers select the active lanes at the end of a row. Only avx512.cpp includes this header.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "headlight/base/index.h"

namespace headlight::kernels {
namespace {

struct Avx512 {
  static constexpr Index kLanes = 16;
  static constexpr const char* kName = "avx512";

  struct All {};
  struct First {
    Index count;  // 1..kLanes
  };

  struct Int {
    __m512i v;
    [[gnu::always_inline]] static Int set(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
    [[gnu::always_inline]] static Int of(__mmask16 m) { return {_mm512_movm_epi32(m)}; }
    [[gnu::always_inline]] friend Int operator+(Int a, Int b) { return {_mm512_add_epi32(a.v, b.v)}; }
    [[gnu::always_inline]] friend Int operator-(Int a, Int b) { return {_mm512_sub_epi32(a.v, b.v)}; }
    [[gnu::always_inline]] friend Int operator&(Int a, Int b) { return {_mm512_and_si512(a.v, b.v)}; }
    [[gnu::always_inline]] friend Int operator|(Int a, Int b) { return {_mm512_or_si512(a.v, b.v)}; }
    [[gnu::always_inline]] friend Int operator>(Int a, Int b) { return of(_mm512_cmpgt_epi32_mask(a.v, b.v)); }
    [[gnu::always_inline]] friend Int operator==(Int a, Int b) { return of(_mm512_cmpeq_epi32_mask(a.v, b.v)); }
    template <int kBits>
    [[gnu::always_inline]] Int shift_left() const {
      return {_mm512_slli_epi32(v, kBits)};
    }
    template <int kBits>
    [[gnu::always_inline]] Int shift_right() const {
      return {_mm512_srai_epi32(v, kBits)};
    }
    [[gnu::always_inline]] void store(std::int32_t* p, All) const { _mm512_storeu_si512(p, v); }
    [[gnu::always_inline]] void store(std::int32_t* p, First part) const {
      _mm512_mask_storeu_epi32(p, mask_of(part), v);
    }
    [[gnu::always_inline]] __mmask16 mask() const { return _mm512_movepi32_mask(v); }
    [[gnu::always_inline]] unsigned bits() const { return mask(); }
    [[gnu::always_inline]] static Int lanes() {
      return {_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)};
    }
  };

  __m512 v;

  [[gnu::always_inline]] static __mmask16 mask_of(First part) { return static_cast<__mmask16>((1u << part.count) - 1); }
  [[gnu::always_inline]] static Int inside(First part) { return Int::of(mask_of(part)); }
  [[gnu::always_inline]] static Int inside(All) { return Int::set(-1); }

  [[gnu::always_inline]] static Avx512 set(float x) { return {_mm512_set1_ps(x)}; }
  [[gnu::always_inline]] static Avx512 zero() { return {_mm512_setzero_ps()}; }
  [[gnu::always_inline]] static Avx512 repeat(const float* p) { return {_mm512_set1_ps(*p)}; }
  [[gnu::always_inline]] static Avx512 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  [[gnu::always_inline]] static Avx512 load(const float* p, All) { return {_mm512_loadu_ps(p)}; }
  [[gnu::always_inline]] static Avx512 load(const float* p, First part) {
    return {_mm512_maskz_loadu_ps(mask_of(part), p)};
  }
  // Loads kLanes int8 values and converts them to float.
  [[gnu::always_inline]] static Avx512 load_int8(const std::int8_t* p) {
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
  }
  // Loads kLanes bfloat16 values.
  [[gnu::always_inline]] static Avx512 load_bf16(const std::uint16_t* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
  }
  [[gnu::always_inline]] void store(float* p) const { _mm512_storeu_ps(p, v); }
  [[gnu::always_inline]] void store(float* p, All) const { _mm512_storeu_ps(p, v); }
  [[gnu::always_inline]] void store(float* p, First part) const { _mm512_mask_storeu_ps(p, mask_of(part), v); }

  [[gnu::always_inline]] friend Avx512 operator+(Avx512 a, Avx512 b) { return {_mm512_add_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Avx512 operator-(Avx512 a, Avx512 b) { return {_mm512_sub_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Avx512 operator*(Avx512 a, Avx512 b) { return {_mm512_mul_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Avx512 operator/(Avx512 a, Avx512 b) { return {_mm512_div_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Int operator>(Avx512 a, Avx512 b) { return compare<_CMP_GT_OQ>(a, b); }
  [[gnu::always_inline]] friend Int operator==(Avx512 a, Avx512 b) { return compare<_CMP_EQ_OQ>(a, b); }
  [[gnu::always_inline]] static Int is_nan(Avx512 a) { return compare<_CMP_UNORD_Q>(a, a); }
  [[gnu::always_inline]] static Avx512 fma(Avx512 a, Avx512 b, Avx512 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  [[gnu::always_inline]] static Avx512 fnma(Avx512 a, Avx512 b, Avx512 c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
  [[gnu::always_inline]] static Avx512 min(Avx512 a, Avx512 b) { return {_mm512_min_ps(a.v, b.v)}; }
  [[gnu::always_inline]] static Avx512 max(Avx512 a, Avx512 b) { return {_mm512_max_ps(a.v, b.v)}; }
  // a 2^n for integers n.
  [[gnu::always_inline]] static Avx512 times_power_of_two(Avx512 a, Avx512 n) { return {_mm512_scalef_ps(a.v, n.v)}; }
  [[gnu::always_inline]] static Avx512 sqrt(Avx512 a) { return {_mm512_sqrt_ps(a.v)}; }
  [[gnu::always_inline]] static Avx512 abs(Avx512 a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a.v)}; }
  [[gnu::always_inline]] static Avx512 with_sign(Avx512 a, Avx512 s) {
    return {_mm512_or_ps(a.v, _mm512_and_ps(_mm512_set1_ps(-0.0f), s.v))};
  }
  [[gnu::always_inline]] static Avx512 negate(Avx512 a) { return {_mm512_xor_ps(_mm512_set1_ps(-0.0f), a.v)}; }
  [[gnu::always_inline]] static Avx512 select(Int which, Avx512 a, Avx512 b) {
    return {_mm512_mask_blend_ps(which.mask(), b.v, a.v)};
  }
  [[gnu::always_inline]] static Int select(Int which, Int a, Int b) {
    return {_mm512_mask_blend_epi32(which.mask(), b.v, a.v)};
  }
  [[gnu::always_inline]] static Int bits_of(Avx512 a) { return {_mm512_castps_si512(a.v)}; }
  [[gnu::always_inline]] static Avx512 from_bits(Int a) { return {_mm512_castsi512_ps(a.v)}; }
  [[gnu::always_inline]] static Avx512 from_int(Int a) { return {_mm512_cvtepi32_ps(a.v)}; }

  // The sum over the lanes, always in this order: halves, quarters, eighths, neighbors.
  [[gnu::always_inline]] static float sum(Avx512 a) {
    const __m256 h = _mm256_add_ps(low_half(a), high_half(a));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  [[gnu::always_inline]] static float largest(Avx512 a) {
    const __m256 h = _mm256_max_ps(low_half(a), high_half(a));
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
  }

  struct Double {
    __m512d low, high;
    [[gnu::always_inline]] static Double zero() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
    [[gnu::always_inline]] void add_square(Avx512 x) {
      const __m512d a = _mm512_cvtps_pd(low_half(x)), b = _mm512_cvtps_pd(high_half(x));
      low = _mm512_fmadd_pd(a, a, low);
      high = _mm512_fmadd_pd(b, b, high);
    }
    [[gnu::always_inline]] double sum() const {
      const __m512d s = _mm512_add_pd(low, high);
      const __m256d t = _mm256_add_pd(_mm512_castpd512_pd256(s), _mm512_extractf64x4_pd(s, 1));
      const __m128d u = _mm_add_pd(_mm256_castpd256_pd128(t), _mm256_extractf128_pd(t, 1));
      return _mm_cvtsd_f64(_mm_add_sd(u, _mm_unpackhi_pd(u, u)));
    }
  };

  // Lane i holds the top 24 bits of mix64(counter + i); mix64 is in base/random.h.
  [[gnu::always_inline]] static Int random24(std::uint64_t counter) {
    const __m512i base = _mm512_set1_epi64(static_cast<long long>(counter));
    const __m512i even = mix(_mm512_add_epi64(base, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14)));
    const __m512i odd = mix(_mm512_add_epi64(base, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15)));
    return {_mm512_or_si512(_mm512_srli_epi64(even, 40), _mm512_slli_epi64(_mm512_srli_epi64(odd, 40), 32))};
  }

  // Transposes in registers in three steps: 2 x 2 numbers, 2 x 2 pairs, then the quarters of the registers.
  [[gnu::always_inline]] static void transpose(Avx512 (&r)[16]) {
    __m512 t[16], u[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      t[2 * i] = _mm512_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
      t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      u[4 * i + 0] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
      u[4 * i + 1] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
      u[4 * i + 2] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
      u[4 * i + 3] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    // Quarter q of u[4 i + j] holds rows 4 i .. 4 i + 3 of column 4 q + j.
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const __m512 even_low = _mm512_shuffle_f32x4(u[j], u[4 + j], 0x88),
                   odd_low = _mm512_shuffle_f32x4(u[j], u[4 + j], 0xdd),
                   even_high = _mm512_shuffle_f32x4(u[8 + j], u[12 + j], 0x88),
                   odd_high = _mm512_shuffle_f32x4(u[8 + j], u[12 + j], 0xdd);
      r[j].v = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
      r[4 + j].v = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
      r[8 + j].v = _mm512_shuffle_f32x4(even_low, even_high, 0xdd);
      r[12 + j].v = _mm512_shuffle_f32x4(odd_low, odd_high, 0xdd);
    }
  }

 private:
  template <int kPredicate>
  [[gnu::always_inline]] static Int compare(Avx512 a, Avx512 b) {
    return Int::of(_mm512_cmp_ps_mask(a.v, b.v, kPredicate));
  }
  [[gnu::always_inline]] static __m256 low_half(Avx512 a) { return _mm512_castps512_ps256(a.v); }
  [[gnu::always_inline]] static __m256 high_half(Avx512 a) { return _mm512_extractf32x8_ps(a.v, 1); }
  [[gnu::always_inline]] static __m512i mix(__m512i x) {
    const auto times = [](__m512i a, std::uint64_t constant) __attribute__((always_inline)) {
      return _mm512_mullo_epi64(a, _mm512_set1_epi64(static_cast<long long>(constant)));
    };
    x = _mm512_add_epi64(x, _mm512_set1_epi64(static_cast<long long>(0x9e3779b97f4a7c15u)));
    x = times(_mm512_xor_si512(x, _mm512_srli_epi64(x, 30)), 0xbf58476d1ce4e5b9u);
    x = times(_mm512_xor_si512(x, _mm512_srli_epi64(x, 27)), 0x94d049bb133111ebu);
    return _mm512_xor_si512(x, _mm512_srli_epi64(x, 31));
  }
};

}  // namespace
}  // namespace headlight::kernels
