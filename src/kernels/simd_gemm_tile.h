// The micro-kernel of the matrix product: a tile of C held in registers while k runs.
//
//   C tile [rows, cols] (+)= alpha * A panel [rows, k] * B panel [k, kVectors * V::kLanes]
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
// Each element of C is one chain of fused multiply-adds over p in order, in whichever tile and lane it falls: its value
// does not depend on where tiles begin.
#pragma once

#include "kernels/kernels.h"

namespace headlight::kernels {

// A panel of A as the micro-kernel reads it: element (i, p) is data[i * row + p * step]. That covers a packed panel
// (row 1), A as it lies in memory (step 1) and A transposed as it lies in memory (row 1, step lda).
struct PanelA {
  const float* data;
  Index row, step;
};

// A panel of B: row p is the kVectors * kLanes floats from data + p * step on.
struct PanelB {
  const float* data;
  Index step;
};

struct TileC {
  float* data;
  Index ld;
  Index cols;  // how many columns of the tile exist; what lies beyond is not touched
  float alpha;
  bool accumulate;
};

template <class V, class Lanes>
[[gnu::always_inline]] inline void update(V sum, const TileC& c, float* p, Lanes lanes) {
  const V alpha = V::set(c.alpha);
  (c.accumulate ? V::fma(alpha, sum, V::load(p, lanes)) : alpha * sum).store(p, lanes);
}

template <class V, int kRows, int kVectors>
[[gnu::noinline]] void tile(Index k, PanelA a, PanelB b, const TileC& c) {
  V sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums[i][j] = V::zero();

  const float* ap = a.data;
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

  constexpr Index kLast = (kVectors - 1) * V::kLanes;
  float* out = c.data;
  const bool whole = c.cols == kVectors * V::kLanes;
  const typename V::First part{c.cols - kLast};
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i, out += c.ld) {
#pragma GCC unroll 4
    for (int j = 0; j + 1 < kVectors; ++j) update(sums[i][j], c, out + j * V::kLanes, typename V::All{});
    if (whole) update(sums[i][kVectors - 1], c, out + kLast, typename V::All{});
    else update(sums[i][kVectors - 1], c, out + kLast, part);
  }
}

}  // namespace headlight::kernels
