// The product of bfloat16 operands in float32 units, for CPUs without fast bfloat16 instructions.
//
// Packing rounds the elements and keeps them as floats; the float32 product's micro-kernel multiplies them. Packing
// also swaps the two steps of each pair, and adds a step of zeros to a block of odd length. The additions then have the
// order that bf16.h defines. The product takes a little longer than the float32 product, because every matrix is
// packed.
#pragma once

#include "kernels/bf16.h"
#include "kernels/kernels.h"
#include "kernels/simd/gemm_threads.h"

namespace headlight::kernels {

// The Elements argument of Floats (gemm_pack.h): rounds to bfloat16.
struct RoundedToBf16 {
  static constexpr Index steps(Index k) { return k + k % 2; }
  static constexpr Index source(Index step) { return step ^ 1; }
  static constexpr bool exists(Index source, Index k) { return source < k; }
  // from_bf16(to_bf16(x)) in each lane.
  template <class V>
  [[gnu::always_inline]] static V converted(V x) {
    using Int = typename V::Int;
    const Int bits = V::bits_of(x), upper = Int::set(-0x10000);
    const Int even = bits.template shift_right<16>() & Int::set(1);
    const Int number = (bits + Int::set(0x7fff) + even) & upper;
    const Int nan = (bits | Int::set(0x400000)) & upper;
    const Int denormal = (bits & Int::set(0x7f800000)) == Int::set(0);
    return V::from_bits(
        V::select(denormal, V::bits_of(V::with_sign(V::zero(), x)), V::select(V::is_nan(x), nan, number)));
  }
};

template <class V>
void simd_gemm_bf16(const Gemm<float>& g) {
  simd_gemm<V, Floats<V, RoundedToBf16>>(g);
}

}  // namespace headlight::kernels
