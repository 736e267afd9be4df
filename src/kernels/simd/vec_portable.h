// Four floats in the vector extension of GCC and Clang: the vector type of portable.cpp. It maps to one register on
// CPUs with 128-bit vectors (SSE2, NEON) and is correct on all others. vec_avx2.h documents the members.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "headlight/base/index.h"
#include "headlight/base/random.h"

namespace headlight::kernels {
namespace {

struct Portable {
  using Floats = float __attribute__((vector_size(16)));
  using Ints = std::int32_t __attribute__((vector_size(16)));
  using Words = std::uint32_t __attribute__((vector_size(16)));
  using Doubles = double __attribute__((vector_size(16)));

  static constexpr Index kLanes = 4;
  static constexpr const char* kName = "portable";

  struct All {};
  struct First {
    Index count;
  };

  struct Int {
    Ints v;
    [[gnu::always_inline]] static Int set(std::int32_t x) { return {Ints{x, x, x, x}}; }
    [[gnu::always_inline]] static Int lanes() { return {Ints{0, 1, 2, 3}}; }
    [[gnu::always_inline]] friend Int operator+(Int a, Int b) { return wrap(a.words() + b.words()); }
    [[gnu::always_inline]] friend Int operator-(Int a, Int b) { return wrap(a.words() - b.words()); }
    [[gnu::always_inline]] friend Int operator&(Int a, Int b) { return {a.v & b.v}; }
    [[gnu::always_inline]] friend Int operator|(Int a, Int b) { return {a.v | b.v}; }
    [[gnu::always_inline]] friend Int operator>(Int a, Int b) { return {a.v > b.v}; }
    [[gnu::always_inline]] friend Int operator==(Int a, Int b) { return {a.v == b.v}; }
    template <int kBits>
    [[gnu::always_inline]] Int shift_left() const {
      return wrap(words() << kBits);
    }
    template <int kBits>
    [[gnu::always_inline]] Int shift_right() const {
      return {v >> kBits};
    }
    [[gnu::always_inline]] void store(std::int32_t* p, All) const { std::memcpy(p, &v, sizeof v); }
    [[gnu::always_inline]] void store(std::int32_t* p, First part) const {
      for (Index i = 0; i < part.count; ++i) p[i] = v[i];
    }
    [[gnu::always_inline]] unsigned bits() const {
      unsigned bits = 0;
      for (int i = 0; i < 4; ++i) bits |= v[i] < 0 ? 1u << i : 0u;
      return bits;
    }
    // Unsigned, because integer arithmetic must wrap around, and signed overflow is undefined behavior.
    [[gnu::always_inline]] Words words() const { return reinterpret_cast<Words>(v); }
    [[gnu::always_inline]] static Int wrap(Words w) { return {reinterpret_cast<Ints>(w)}; }
  };

  Floats v;

  [[gnu::always_inline]] static Int inside(First part) {
    return Int::set(static_cast<std::int32_t>(part.count)) > Int::lanes();
  }
  [[gnu::always_inline]] static Int inside(All) { return Int::set(-1); }

  [[gnu::always_inline]] static Portable set(float x) { return {Floats{x, x, x, x}}; }
  [[gnu::always_inline]] static Portable zero() { return set(0); }
  [[gnu::always_inline]] static Portable repeat(const float* p) { return set(*p); }
  [[gnu::always_inline]] static Portable load(const float* p) {
    Portable x;
    std::memcpy(&x.v, p, sizeof x.v);
    return x;
  }
  [[gnu::always_inline]] static Portable load(const float* p, All) { return load(p); }
  [[gnu::always_inline]] static Portable load(const float* p, First part) {
    Portable x = zero();
    for (Index i = 0; i < part.count; ++i) x.v[i] = p[i];
    return x;
  }
  [[gnu::always_inline]] static Portable load_int8(const std::int8_t* p) {
    using Bytes = std::int8_t __attribute__((vector_size(4)));
    Bytes bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    return {__builtin_convertvector(bytes, Floats)};
  }
  [[gnu::always_inline]] static Portable load_bf16(const std::uint16_t* p) {
    const Words bits = {p[0], p[1], p[2], p[3]};
    return {reinterpret_cast<Floats>(bits << 16)};
  }
  [[gnu::always_inline]] void store(float* p) const { std::memcpy(p, &v, sizeof v); }
  [[gnu::always_inline]] void store(float* p, All) const { store(p); }
  [[gnu::always_inline]] void store(float* p, First part) const {
    for (Index i = 0; i < part.count; ++i) p[i] = v[i];
  }

  [[gnu::always_inline]] friend Portable operator+(Portable a, Portable b) { return {a.v + b.v}; }
  [[gnu::always_inline]] friend Portable operator-(Portable a, Portable b) { return {a.v - b.v}; }
  [[gnu::always_inline]] friend Portable operator*(Portable a, Portable b) { return {a.v * b.v}; }
  [[gnu::always_inline]] friend Portable operator/(Portable a, Portable b) { return {a.v / b.v}; }
  [[gnu::always_inline]] friend Int operator>(Portable a, Portable b) { return {a.v > b.v}; }
  [[gnu::always_inline]] friend Int operator==(Portable a, Portable b) { return {a.v == b.v}; }
  [[gnu::always_inline]] static Int is_nan(Portable a) { return {a.v != a.v}; }
  // Rounds twice: without hardware support, a fused multiply-add would be one function call per lane.
  [[gnu::always_inline]] static Portable fma(Portable a, Portable b, Portable c) { return {a.v * b.v + c.v}; }
  [[gnu::always_inline]] static Portable fnma(Portable a, Portable b, Portable c) { return {c.v - a.v * b.v}; }
  [[gnu::always_inline]] static Portable min(Portable a, Portable b) { return select(Int{a.v < b.v}, a, b); }
  [[gnu::always_inline]] static Portable max(Portable a, Portable b) { return select(Int{a.v > b.v}, a, b); }
  [[gnu::always_inline]] static Portable sqrt(Portable a) {
    for (int i = 0; i < 4; ++i) a.v[i] = std::sqrt(a.v[i]);
    return a;
  }
  [[gnu::always_inline]] static Portable abs(Portable a) { return from_bits(bits_of(a) & Int::set(0x7fffffff)); }
  [[gnu::always_inline]] static Portable with_sign(Portable a, Portable s) {
    return from_bits(bits_of(a) | (bits_of(s) & sign_bit()));
  }
  [[gnu::always_inline]] static Portable negate(Portable a) { return {-a.v}; }
  [[gnu::always_inline]] static Portable select(Int which, Portable a, Portable b) {
    return from_bits(select(which, bits_of(a), bits_of(b)));
  }
  [[gnu::always_inline]] static Int select(Int which, Int a, Int b) { return {(which.v & a.v) | (~which.v & b.v)}; }
  [[gnu::always_inline]] static Int bits_of(Portable a) { return {reinterpret_cast<Ints>(a.v)}; }
  [[gnu::always_inline]] static Portable from_bits(Int a) { return {reinterpret_cast<Floats>(a.v)}; }
  [[gnu::always_inline]] static Portable from_int(Int a) { return {__builtin_convertvector(a.v, Floats)}; }

  [[gnu::always_inline]] static float sum(Portable a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }
  [[gnu::always_inline]] static float largest(Portable a) {
    float largest = a.v[0];
    for (int i = 1; i < kLanes; ++i) largest = a.v[i] > largest ? a.v[i] : largest;
    return largest;
  }

  struct Double {
    Doubles low, high;
    [[gnu::always_inline]] static Double zero() { return {Doubles{0, 0}, Doubles{0, 0}}; }
    [[gnu::always_inline]] void add_square(Portable x) {
      const Doubles a = {static_cast<double>(x.v[0]), static_cast<double>(x.v[1])};
      const Doubles b = {static_cast<double>(x.v[2]), static_cast<double>(x.v[3])};
      low += a * a;
      high += b * b;
    }
    [[gnu::always_inline]] double sum() const {
      const Doubles s = low + high;
      return s[0] + s[1];
    }
  };

  [[gnu::always_inline]] static Int random24(std::uint64_t counter) {
    Int numbers = Int::set(0);
    for (int i = 0; i < 4; ++i)
      numbers.v[i] = static_cast<std::int32_t>(mix64(counter + static_cast<std::uint64_t>(i)) >> 40);
    return numbers;
  }

  [[gnu::always_inline]] static void transpose(Portable (&r)[4]) {
    const Floats a = r[0].v, b = r[1].v, c = r[2].v, d = r[3].v;
    for (int i = 0; i < 4; ++i) r[i].v = Floats{a[i], b[i], c[i], d[i]};
  }

 private:
  [[gnu::always_inline]] static Int sign_bit() { return Int::set(static_cast<std::int32_t>(0x80000000u)); }
};

}  // namespace
}  // namespace headlight::kernels
