// bfloat16: conversion, and the definition of a product of bfloat16 operands.
//
//   float32    1 sign, 8 exponent, 23 fraction bits
//   bfloat16   1 sign, 8 exponent,  7 fraction bits: the upper half of a float32, with the same range
//
// Rounding is to nearest, ties to even; it changes a normal number by at most 2^-8 of its value. Magnitudes below
// 2^-126 (denormal) become 0; magnitudes of 2^128 - 2^119 or more become infinity.
//
// gemm_bf16 rounds only the elements of A and B. Products of two bfloat16 numbers are exact in float32; they are added
// in float32, in this order:
//   1. k is cut into blocks (gemm_block_length). A block's sum starts at 0, the first block's at the bias.
//   2. A block is read in pairs of steps, of which the second is added first:
//        sum = fma(a[p+1], b[p+1], sum);  sum = fma(a[p], b[p], sum)
//      A step that is missing at the end counts as 0. Results smaller than 2^-126 become 0.
//   3. C = alpha sum, or C + alpha sum for the later blocks and when accumulating; then the addend is added.
// This is the order of the instruction vdpbf16ps, so every table computes the same bits, with two exceptions. The
// vectorized tables without that instruction do not flush sums smaller than 2^-126 to 0. `portable` rounds twice, first
// alpha sum and then C + alpha sum.
//
// Error bound, with the unit roundoffs u = 2^-8 of the operands and v = 2^-24 of the sums:
//   |error| <= (2 u + u^2 + (k + 4) v) sum |a||b|
// Rounding errors of random operands partly cancel: if the operands are normally distributed, the root mean square of
// the error is 0.0024 times that of the result, for any k.
#pragma once

#include <cstdint>
#include <cstring>

namespace headlight::kernels {

// always_inline: files of different instruction sets must not share a copy.
[[gnu::always_inline]] inline std::uint16_t to_bf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const std::uint32_t exponent = bits & 0x7f800000u;
  if (exponent == 0) return static_cast<std::uint16_t>(bits >> 16 & 0x8000u);
  if (x != x) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);  // a quiet NaN
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

[[gnu::always_inline]] inline float from_bf16(std::uint16_t x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace headlight::kernels
