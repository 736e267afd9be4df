// Eight floats in an AVX2 register: the vector type of avx2.cpp. vec_portable.h has the same members.
//
// Only avx2.cpp includes this header, and the type is in an unnamed namespace. Every kernel instantiated with this type
// then has internal linkage, so the linker cannot merge AVX2 code into another file.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "headlight/base/index.h"

namespace headlight::kernels {
namespace {

struct Avx2 {
  static constexpr Index kLanes = 8;
  static constexpr const char* kName = "avx2";

  // The lanes that a load or store accesses: all, or (at the end of a row) only the first few.
  struct All {};
  struct First {
    Index count;  // 1..kLanes
  };

  // Eight integers, or the truth values of a comparison (all ones or all zeros).
  struct Int {
    __m256i v;
    [[gnu::always_inline]] static Int set(std::int32_t x) { return {_mm256_set1_epi32(x)}; }
    [[gnu::always_inline]] static Int lanes() { return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)}; }
    [[gnu::always_inline]] friend Int operator+(Int a, Int b) { return {_mm256_add_epi32(a.v, b.v)}; }
    [[gnu::always_inline]] friend Int operator-(Int a, Int b) { return {_mm256_sub_epi32(a.v, b.v)}; }
    [[gnu::always_inline]] friend Int operator&(Int a, Int b) { return {_mm256_and_si256(a.v, b.v)}; }
    [[gnu::always_inline]] friend Int operator|(Int a, Int b) { return {_mm256_or_si256(a.v, b.v)}; }
    [[gnu::always_inline]] friend Int operator>(Int a, Int b) { return {_mm256_cmpgt_epi32(a.v, b.v)}; }
    [[gnu::always_inline]] friend Int operator==(Int a, Int b) { return {_mm256_cmpeq_epi32(a.v, b.v)}; }
    template <int kBits>
    [[gnu::always_inline]] Int shift_left() const {
      return {_mm256_slli_epi32(v, kBits)};
    }
    template <int kBits>
    [[gnu::always_inline]] Int shift_right() const {  // arithmetic: keeps the sign
      return {_mm256_srai_epi32(v, kBits)};
    }
    [[gnu::always_inline]] void store(std::int32_t* p, All) const {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
    }
    [[gnu::always_inline]] void store(std::int32_t* p, First part) const {
      _mm256_maskstore_epi32(p, inside(part).v, v);
    }
    // The sign bits of the lanes as an integer, lane 0 in the lowest bit.
    [[gnu::always_inline]] unsigned bits() const {
      return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(v)));
    }
  };

  __m256 v;

  [[gnu::always_inline]] static Int inside(First part) {
    return Int::set(static_cast<std::int32_t>(part.count)) > Int::lanes();
  }
  [[gnu::always_inline]] static Int inside(All) { return Int::set(-1); }

  [[gnu::always_inline]] static Avx2 set(float x) { return {_mm256_set1_ps(x)}; }
  [[gnu::always_inline]] static Avx2 zero() { return {_mm256_setzero_ps()}; }
  [[gnu::always_inline]] static Avx2 repeat(const float* p) { return {_mm256_broadcast_ss(p)}; }
  [[gnu::always_inline]] static Avx2 load(const float* p) { return {_mm256_loadu_ps(p)}; }
  [[gnu::always_inline]] static Avx2 load(const float* p, All) { return {_mm256_loadu_ps(p)}; }
  // The other lanes become zero; their memory is not read.
  [[gnu::always_inline]] static Avx2 load(const float* p, First part) {
    return {_mm256_maskload_ps(p, inside(part).v)};
  }
  // Loads kLanes int8 values and converts them to float.
  [[gnu::always_inline]] static Avx2 load_int8(const std::int8_t* p) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
  }
  // Loads kLanes bfloat16 values: the upper halves of floats.
  [[gnu::always_inline]] static Avx2 load_bf16(const std::uint16_t* p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(wide, 16))};
  }
  [[gnu::always_inline]] void store(float* p) const { _mm256_storeu_ps(p, v); }
  [[gnu::always_inline]] void store(float* p, All) const { _mm256_storeu_ps(p, v); }
  [[gnu::always_inline]] void store(float* p, First part) const { _mm256_maskstore_ps(p, inside(part).v, v); }

  [[gnu::always_inline]] friend Avx2 operator+(Avx2 a, Avx2 b) { return {_mm256_add_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Avx2 operator-(Avx2 a, Avx2 b) { return {_mm256_sub_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Avx2 operator*(Avx2 a, Avx2 b) { return {_mm256_mul_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Avx2 operator/(Avx2 a, Avx2 b) { return {_mm256_div_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Int operator>(Avx2 a, Avx2 b) { return compare<_CMP_GT_OQ>(a, b); }
  [[gnu::always_inline]] friend Int operator==(Avx2 a, Avx2 b) { return compare<_CMP_EQ_OQ>(a, b); }
  [[gnu::always_inline]] static Int is_nan(Avx2 a) { return compare<_CMP_UNORD_Q>(a, a); }
  // a * b + c and c - a * b, rounded once.
  [[gnu::always_inline]] static Avx2 fma(Avx2 a, Avx2 b, Avx2 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  [[gnu::always_inline]] static Avx2 fnma(Avx2 a, Avx2 b, Avx2 c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
  // a < b ? a : b and a > b ? a : b; the result is b if either is NaN.
  [[gnu::always_inline]] static Avx2 min(Avx2 a, Avx2 b) { return {_mm256_min_ps(a.v, b.v)}; }
  [[gnu::always_inline]] static Avx2 max(Avx2 a, Avx2 b) { return {_mm256_max_ps(a.v, b.v)}; }
  [[gnu::always_inline]] static Avx2 sqrt(Avx2 a) { return {_mm256_sqrt_ps(a.v)}; }
  [[gnu::always_inline]] static Avx2 abs(Avx2 a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
  // a with the sign of s; requires the sign bit of a to be 0.
  [[gnu::always_inline]] static Avx2 with_sign(Avx2 a, Avx2 s) {
    return {_mm256_or_ps(a.v, _mm256_and_ps(_mm256_set1_ps(-0.0f), s.v))};
  }
  [[gnu::always_inline]] static Avx2 negate(Avx2 a) { return {_mm256_xor_ps(_mm256_set1_ps(-0.0f), a.v)}; }
  // Per lane: a if `which` is true, otherwise b.
  [[gnu::always_inline]] static Avx2 select(Int which, Avx2 a, Avx2 b) {
    return {_mm256_blendv_ps(b.v, a.v, _mm256_castsi256_ps(which.v))};
  }
  [[gnu::always_inline]] static Int select(Int which, Int a, Int b) { return {_mm256_blendv_epi8(b.v, a.v, which.v)}; }
  [[gnu::always_inline]] static Int bits_of(Avx2 a) { return {_mm256_castps_si256(a.v)}; }
  [[gnu::always_inline]] static Avx2 from_bits(Int a) { return {_mm256_castsi256_ps(a.v)}; }
  [[gnu::always_inline]] static Avx2 from_int(Int a) { return {_mm256_cvtepi32_ps(a.v)}; }

  // The sum over the lanes, always in this order: halves, quarters, neighbors.
  [[gnu::always_inline]] static float sum(Avx2 a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  // The maximum over the lanes; requires that no lane is NaN.
  [[gnu::always_inline]] static float largest(Avx2 a) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
  }

  // Eight sums of squares in double.
  struct Double {
    __m256d low, high;
    [[gnu::always_inline]] static Double zero() { return {_mm256_setzero_pd(), _mm256_setzero_pd()}; }
    [[gnu::always_inline]] void add_square(Avx2 x) {
      const __m256d a = _mm256_cvtps_pd(_mm256_castps256_ps128(x.v)),
                    b = _mm256_cvtps_pd(_mm256_extractf128_ps(x.v, 1));
      low = _mm256_fmadd_pd(a, a, low);
      high = _mm256_fmadd_pd(b, b, high);
    }
    [[gnu::always_inline]] double sum() const {
      const __m256d s = _mm256_add_pd(low, high);
      const __m128d t = _mm_add_pd(_mm256_castpd256_pd128(s), _mm256_extractf128_pd(s, 1));
      return _mm_cvtsd_f64(_mm_add_sd(t, _mm_unpackhi_pd(t, t)));
    }
  };

  // Lane i holds the top 24 bits of mix64(counter + i); mix64 is in base/random.h.
  [[gnu::always_inline]] static Int random24(std::uint64_t counter) {
    const __m256i base = _mm256_set1_epi64x(static_cast<long long>(counter));
    const __m256i even = mix(_mm256_add_epi64(base, _mm256_setr_epi64x(0, 2, 4, 6)));
    const __m256i odd = mix(_mm256_add_epi64(base, _mm256_setr_epi64x(1, 3, 5, 7)));
    return {_mm256_or_si256(_mm256_srli_epi64(even, 40), _mm256_slli_epi64(_mm256_srli_epi64(odd, 40), 32))};
  }

  // Transposes in registers: afterwards lane j of r[i] is the former lane i of r[j].
  [[gnu::always_inline]] static void transpose(Avx2 (&r)[8]) {
    __m256 t[8], u[8];
    for (int i = 0; i < 4; ++i) {
      t[2 * i] = _mm256_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
      t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
    }
    for (int i = 0; i < 2; ++i) {
      u[4 * i + 0] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
      u[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
      u[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
      u[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
      r[i].v = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
      r[i + 4].v = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
  }

 private:
  template <int kPredicate>
  [[gnu::always_inline]] static Int compare(Avx2 a, Avx2 b) {
    return {_mm256_castps_si256(_mm256_cmp_ps(a.v, b.v, kPredicate))};
  }
  // AVX2 only multiplies 32 by 32 bits; a 64-bit product modulo 2^64 takes three such multiplications.
  [[gnu::always_inline]] static __m256i multiply64(__m256i a, std::uint64_t constant) {
    const __m256i b = _mm256_set1_epi64x(static_cast<long long>(constant));
    const __m256i b_high = _mm256_set1_epi64x(static_cast<long long>(constant >> 32));
    const __m256i cross = _mm256_add_epi64(_mm256_mul_epu32(a, b_high), _mm256_mul_epu32(_mm256_srli_epi64(a, 32), b));
    return _mm256_add_epi64(_mm256_mul_epu32(a, b), _mm256_slli_epi64(cross, 32));
  }
  [[gnu::always_inline]] static __m256i mix(__m256i x) {
    x = _mm256_add_epi64(x, _mm256_set1_epi64x(static_cast<long long>(0x9e3779b97f4a7c15u)));
    x = multiply64(_mm256_xor_si256(x, _mm256_srli_epi64(x, 30)), 0xbf58476d1ce4e5b9u);
    x = multiply64(_mm256_xor_si256(x, _mm256_srli_epi64(x, 27)), 0x94d049bb133111ebu);
    return _mm256_xor_si256(x, _mm256_srli_epi64(x, 31));
  }
};

}  // namespace
}  // namespace headlight::kernels
