// The micro-kernel of the matrix product: a tile of C held in registers while k runs.
//
//   C tile [kRows, cols] (+)= alpha * A panel [kRows, k] * B panel [k, kVectors * V::kLanes]
//
//                 B panel: two vectors a step        With AVX2 the tile is 6 x 16: 12 registers of sums, 2 of B and one
//                 ┌────────┬────────┐                for the element of A that is repeated over its lanes, 15 of 16.
//   A panel       │   b0   │   b1   │ p              A step loads 2 vectors and 6 scalars and makes 12 multiply-adds:
//   ┌───┐         ├────────┼────────┤                loads (2 a cycle) take 4 cycles, multiply-adds (2 a cycle) 6.
//   │ a0│  ─────> │ c00    │ c01    │
//   │ a1│         │ c10    │ c11    │                12 sums that do not depend on each other are also what it takes
//   │ . │         │  .     │  .     │                to hide the 4 cycles of a multiply-add; tiles of fewer rows wait.
//   └───┘p        └────────┴────────┘
//
// Each element of C is one chain of multiply-adds over p in order, in whichever tile and lane it falls: its value does
// not depend on where tiles begin.
#pragma once

#include "kernels/kernels.h"

namespace headlight::kernels {

// Panels of A as the micro-kernel reads them: element (i, p) of panel t is data[t * next + i * row + p * step]. That
// covers packed panels (row 1), A as it lies in memory (step 1) and A transposed as it lies (row 1, step lda).
struct PanelsA {
  const float* data;
  Index row, step, next;
};

// A panel of B: row p is the kVectors * kLanes floats from data + p * step on.
struct PanelB {
  const float* data;
  Index step;
};

struct TilesC {
  float* data;
  Index ld;
  Index cols;  // how many columns of the tile exist; what lies beyond is not touched
  float alpha;
  bool accumulate;
  const float* bias = nullptr;    // of the tile's columns; what the sums start from instead of zero
  const float* addend = nullptr;  // of the tile, lying like C; added last
};

// Writes the vector of C at p: `addend` is null or what lies at the same place of the addend.
template <class V, class Lanes>
[[gnu::always_inline]] inline void update(V sum, const TilesC& c, float* p, const float* addend, Lanes lanes) {
  const V alpha = V::set(c.alpha);
  V value = c.accumulate ? V::fma(alpha, sum, V::load(p, lanes)) : alpha * sum;
  if (addend) value = V::load(addend, lanes) + value;
  value.store(p, lanes);
}

// `count` tiles one below the other: panels of A in turn against one panel of B.
template <class V, int kRows, int kVectors>
[[gnu::noinline]] void tiles(Index count, Index k, PanelsA a, PanelB b, const TilesC& c) {
  const bool whole = c.cols == kVectors * V::kLanes;
  // The usual case is told apart once: then a sum is stored as it is, or added.
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
    // C comes in from memory while k runs; its two ends, for a row of the tile may straddle two cache lines.
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
        for (int j = 0; j < kVectors; ++j) sums[i][j] = V::fma(x, row[j], sums[i][j]);
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
