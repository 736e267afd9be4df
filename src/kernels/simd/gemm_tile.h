// The micro-kernel of the matrix product: a tile of C stays in registers for all steps of k.
//
//   C tile [kRows, cols] (+)= alpha * A panel [kRows, k] * B panel [k, kVectors * V::kLanes]
//
//                 B panel: 2 vectors per step        With AVX2 the tile is 6 x 16: 12 registers of sums, 2 of B, and 1
//                 ┌────────┬────────┐                with an element of A in every lane, 15 of 16 registers. A step
//   A panel       │   b0   │   b1   │ p              loads 2 vectors and 6 scalars and does 12 multiply-adds: the loads
//   ┌───┐         ├────────┼────────┤                (2 per cycle) take 4 cycles, the multiply-adds (2 per cycle) 6.
//   │ a0│  ─────> │ c00    │ c01    │
//   │ a1│         │ c10    │ c11    │                8 independent sums hide the latency of a multiply-add (4 cycles
//   │ . │         │  .     │  .     │                times 2 per cycle); tiles of fewer than 4 rows stall.
//   └───┘p        └────────┴────────┘
//
// Each element of C is one chain of multiply-adds over p in order, in any tile and lane, so its value does not depend
// on where tiles begin.
//
// `Operands` defines what a 32-bit element of a panel is and how to multiply it: a float (Floats, gemm_pack.h), or two
// steps of k as bfloat16 numbers (avx512_bf16.cpp). k counts these elements.
#pragma once

#include "kernels/kernels.h"

namespace headlight::kernels {

// Panels of A for the micro-kernel: element (i, p) of panel t is data[t * next + i * row + p * step]. This covers
// packed panels (row 1), A in place (step 1) and a transposed A in place (row 1, step lda).
struct PanelsA {
  const float* data;
  Index row, step, next;
};

// A panel of B: row p is the kVectors * kLanes floats at data + p * step.
struct PanelB {
  const float* data;
  Index step;
};

struct TilesC {
  float* data;
  Index ld;
  Index cols;  // number of columns of the tile that exist; memory beyond them is not accessed
  float alpha;
  bool accumulate;
  const float* bias = nullptr;    // of the tile's columns; the sums start from it instead of zero
  const float* addend = nullptr;  // of the tile, same layout as C; added last
};

// Updates the vector of C at p from its sum; `addend` points to the same position of the addend, or is null.
template <class V, class Lanes>
[[gnu::always_inline]] inline void update(V sum, const TilesC& c, float* p, const float* addend, Lanes lanes) {
  const V alpha = V::set(c.alpha);
  V value = c.accumulate ? V::fma(alpha, sum, V::load(p, lanes)) : alpha * sum;
  if (addend) value = V::load(addend, lanes) + value;
  value.store(p, lanes);
}

// Computes `count` tiles, one below the other: each panel of A times the same panel of B.
template <class Operands, int kRows, int kVectors>
[[gnu::noinline]] void tiles(Index count, Index k, PanelsA a, PanelB b, const TilesC& c) {
  using V = typename Operands::Vector;
  const bool whole = c.cols == kVectors * V::kLanes;
  // Test for the common case once: whole tiles with alpha = 1.
  const bool plain = whole && c.alpha == 1.0f;
  float* out = c.data;
  const float* addend = c.addend;
  V start[kVectors];
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) start[j] = V::zero();
  if (c.bias) {
    for (int j = 0; j + 1 < kVectors; ++j) start[j] = V::load(c.bias + j * V::kLanes);
    constexpr Index kLast = (kVectors - 1) * V::kLanes;
    start[kVectors - 1] = V::load(c.bias + kLast, typename V::First{c.cols - kLast});
  }
  for (Index t = 0; t < count; ++t, a.data += a.next) {
    V sums[kRows][kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[i][j] = start[j];

    const float* ap = a.data;
    // Prefetch C while k runs: both ends of each row, because a row may straddle two cache lines.
    for (int i = 0; i < kRows; ++i) {
      __builtin_prefetch(out + i * c.ld, 1);
      __builtin_prefetch(out + i * c.ld + kVectors * V::kLanes - 1, 1);
    }
    const float* bp = b.data;
    for (Index p = 0; p < k; ++p, ap += a.step, bp += b.step) {
      V row[kVectors];
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) row[j] = V::load(bp + j * V::kLanes);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const V x = V::repeat(ap + i * a.row);
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) sums[i][j] = Operands::multiply_add(x, row[j], sums[i][j]);
      }
    }

    if (plain && !c.accumulate && !addend) {
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i, out += c.ld)
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) sums[i][j].store(out + j * V::kLanes);
    } else if (plain && !addend) {
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i, out += c.ld)
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) (V::load(out + j * V::kLanes) + sums[i][j]).store(out + j * V::kLanes);
    } else if (plain) {
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i, out += c.ld, addend += c.ld)
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) {
          const Index at = j * V::kLanes;
          const V sum = c.accumulate ? V::load(out + at) + sums[i][j] : sums[i][j];
          (V::load(addend + at) + sum).store(out + at);
        }
    } else {
      constexpr Index kLast = (kVectors - 1) * V::kLanes;
      const typename V::First part{c.cols - kLast};
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i, out += c.ld) {
        const float* add = addend ? addend + i * c.ld : nullptr;
#pragma GCC unroll 4
        for (int j = 0; j + 1 < kVectors; ++j)
          update(sums[i][j], c, out + j * V::kLanes, add ? add + j * V::kLanes : nullptr, typename V::All{});
        update(sums[i][kVectors - 1], c, out + kLast, add ? add + kLast : nullptr, part);
      }
      if (addend) addend += kRows * c.ld;
    }
  }
}

}  // namespace headlight::kernels
