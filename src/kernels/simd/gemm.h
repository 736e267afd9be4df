// The matrix product of one thread, C [m,n] (+)= alpha * op(A) [m,k] * op(B) [k,n], over a vector type V and a kind of
// operands.
//
// Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008), in the arrangement of BLIS (Van
// Zee and van de Geijn 2015): five loops around a micro-kernel. Each loop reuses a block that fits one cache level.
//
//   1. columns of C in blocks of nc                    (a block of packed B: level 3 cache)
//   2.   k in blocks of kc; pack B [kc, nc]
//   3.     rows of C in blocks of mc; pack A [mc, kc]  (a block of packed A: level 2 cache)
//   4.       panels of B, kTileCols columns            (one panel of B: level 1 cache)
//   5.         panels of A, kTileRows rows             (one panel of A streams through)
//                the micro-kernel: a tile of C in registers (gemm_tile.h)
//
//            k                        n                                     n
//        ┌───┬───────┐        ┌────┬──────────┐                    ┌────┬──────────┐
//     mc │ A │       │     kc │  B panels     │                 mc │    │          │
//        ├───┘       │        ├────┘──────────┤                    │tile│  C       │
//   m    │ kc        │    k   │ kTileCols     │       =       m    ├────┘          │
//        │           │        │               │                    │               │
//        └───────────┘        └───────────────┘                    └───────────────┘
//
// Packing makes the micro-kernel read memory sequentially, but costs a pass over the matrix. It is skipped for a matrix
// that is small or read only a few times (packs_a and packs_b below).
//
// The kind of operands decides what a packed block contains:
//   kInPlace          whether the micro-kernel can read a matrix that is not packed
//   elements(k)       the number of 32-bit elements for k steps
//   stride(k)         the number of elements from a row of packed A to the next
//   pack_a, pack_b    as in gemm_pack.h
//   packed            the panels of A that pack_a made, from `data` on
//   multiply_add      sum + x y, for each lane
//
// gemm_threads.h divides a product among threads. The blocks of k depend on k alone, so every element of C is computed
// by the same operations in the same order for any number of threads.
#pragma once

#include "base/workspace.h"
#include "kernels/kernels.h"
#include "kernels/simd/gemm_pack.h"
#include "kernels/simd/gemm_tile.h"

namespace headlight::kernels {

inline constexpr int kTileRows = 6;
inline constexpr int kTileVectors = 2;

// Block sizes in elements. A panel of B, kc * kTileCols floats, takes 24 KB of a 32 KB level 1 cache (48 KB with
// AVX-512, which spills to level 2). A block of A, mc * kc, takes 360 KB of level 2; a block of B, nc * kc, 3 MB of
// level 3.
struct Blocking {
  Index mc, nc, kc;
};
inline constexpr Blocking kBlocking{240, 2048, kGemmBlock};

// A is read in place if C has at most this many panels of columns, because each panel reads A once. A transposed A
// costs one cache line per step of k, so packing pays off sooner. With rows of kWideRow or more, the lines are also in
// different pages and compete for few sets of the level 1 cache.
inline constexpr Index kUnpackedPanels = 12, kUnpackedPanelsTransposed = 8, kUnpackedPanelsWide = 4, kWideRow = 512;

// One thread's product: a rectangle of C and the parts of A and B that it needs. Members as in Gemm.
struct Product {
  Index m, n, k;
  const float* a;
  Index lda;
  bool trans_a;
  const float* b;
  Index ldb;
  bool trans_b;
  float* c;
  Index ldc;
  float alpha;
  bool accumulate;
  const float* bias;
  const float* addend;
};

template <class V, class Operands = Floats<V>>
struct GemmDriver {
  static constexpr Index kTileCols = kTileVectors * V::kLanes;

  static Index min(Index a, Index b) { return a < b ? a : b; }
  static Index round_up(Index a, Index step) { return (a + step - 1) / step * step; }

  // The most rows of a tile: with 32 registers (AVX-512) two more than kTileRows.
  static constexpr Index kMaxTileRows = V::kLanes == 16 ? 8 : kTileRows;

  // Splits m rows into panels of kTileRows rows, plus a rest of up to 11 rows in one or two panels of nearly equal
  // height: tiles of few rows have too few independent sums to keep the multiply-add units busy. If two of the tallest
  // tiles hold all rows, B is read at most twice.
  struct Group {
    Index row, count, rows;  // `count` panels of `rows` rows from `row` on
  };
  struct Groups {
    Group group[3];
    int size = 0;
    void add(Group g) {
      if (g.count > 0 && g.rows > 0) group[size++] = g;
    }
  };
  static Groups group_rows(Index m) {
    Groups groups;
    if (m <= 2 * kMaxTileRows) {
      const Index upper = m > kMaxTileRows ? (m + 1) / 2 : m;
      groups.add({0, 1, upper});
      groups.add({upper, 1, m - upper});
      return groups;
    }
    const Index rest = m % kTileRows;
    // A rest of 7 to 11 rows becomes two panels.
    const Index full = rest == 0 ? m / kTileRows : m / kTileRows - 1;
    const Index left = m - full * kTileRows;
    groups.add({0, full, kTileRows});
    const Index upper = left > kTileRows ? (left + 1) / 2 : left;
    groups.add({full * kTileRows, 1, upper});
    groups.add({full * kTileRows + upper, 1, left - upper});
    return groups;
  }

  template <int kRows>
  static void tiles_of(bool wide, Index count, Index k, PanelsA a, PanelB b, const TilesC& c) {
    if (wide) tiles<Operands, kRows, 2>(count, k, a, b, c);
    else tiles<Operands, kRows, 1>(count, k, a, b, c);
  }
  static void run_tiles(Index rows, bool wide, Index count, Index k, PanelsA a, PanelB b, const TilesC& c) {
    switch (rows) {
      case 1:
        return tiles_of<1>(wide, count, k, a, b, c);
      case 2:
        return tiles_of<2>(wide, count, k, a, b, c);
      case 3:
        return tiles_of<3>(wide, count, k, a, b, c);
      case 4:
        return tiles_of<4>(wide, count, k, a, b, c);
      case 5:
        return tiles_of<5>(wide, count, k, a, b, c);
      case 6:
        return tiles_of<6>(wide, count, k, a, b, c);
      default:
        if constexpr (kMaxTileRows == 8) {
          if (rows == 7) tiles_of<7>(wide, count, k, a, b, c);
          else tiles_of<8>(wide, count, k, a, b, c);
        }
    }
  }

  // Loops 1 to 5.
  static void run(const Product& g) {
    const Index kc = gemm_block_length(g.k);
    const Index unpacked = !g.trans_a          ? kUnpackedPanels
                           : g.lda >= kWideRow ? kUnpackedPanelsWide
                                               : kUnpackedPanelsTransposed;
    const bool packs_a = !Operands::kInPlace || g.n > kTileCols * unpacked;
    const bool packs_b = !Operands::kInPlace || g.trans_b || (g.m > 4 * kTileRows && g.k * g.ldb > 4096);
    const Index mc = kBlocking.mc, nc = kBlocking.nc;
    float* packed_b = workspace(Workspace::kPackedB, round_up(min(g.n, nc), kTileCols) * Operands::elements(kc));
    float* packed_a =
        packs_a ? workspace(Workspace::kPackedA, min(g.m, mc) * Operands::stride(kc) + 2 * V::kLanes) : nullptr;

    for (Index jc = 0; jc < g.n; jc += nc) {
      const Index n = min(nc, g.n - jc);
      for (Index pc = 0; pc < g.k; pc += kc) {
        const Index k = min(kc, g.k - pc), elements = Operands::elements(k), stride = Operands::stride(k);
        const float* b = g.b + (g.trans_b ? jc * g.ldb + pc : pc * g.ldb + jc);
        const Index first = packs_b ? 0 : n - n % kTileCols;
        Operands::pack_b(k, n - first, kTileCols, b + (g.trans_b ? first * g.ldb : first), g.ldb, g.trans_b,
                         packed_b + first * elements);
        for (Index ic = 0; ic < g.m; ic += mc) {
          const Index m = min(mc, g.m - ic);
          const float* a = g.a + (g.trans_a ? pc * g.lda + ic : ic * g.lda + pc);
          const Groups groups = group_rows(m);
          if (packs_a)
            for (int i = 0; i < groups.size; ++i) {
              const Group& s = groups.group[i];
              Operands::pack_a(s.count, s.rows, k, a + (g.trans_a ? s.row : s.row * g.lda), g.lda, g.trans_a,
                               packed_a + s.row * stride);
            }
          for (Index j = 0; j < n; j += kTileCols) {
            const Index cols = min(kTileCols, n - j);
            const PanelB panel_b = j >= first ? PanelB{packed_b + j * elements, kTileCols} : PanelB{b + j, g.ldb};
            for (int i = 0; i < groups.size; ++i) {
              const Group& s = groups.group[i];
              const PanelsA panels_a = packs_a ? Operands::packed(packed_a + s.row * stride, s.rows, stride, g.trans_a)
                                       : g.trans_a ? PanelsA{a + s.row, 1, g.lda, s.rows}
                                                   : PanelsA{a + s.row * g.lda, g.lda, 1, s.rows * g.lda};
              const Index corner = (ic + s.row) * g.ldc + jc + j;
              const bool first_k = pc == 0, last_k = pc + k == g.k;
              const TilesC c{.data = g.c + corner,
                             .ld = g.ldc,
                             .cols = cols,
                             .alpha = g.alpha,
                             .accumulate = g.accumulate || !first_k,
                             .bias = g.bias && first_k ? g.bias + jc + j : nullptr,
                             .addend = g.addend && last_k ? g.addend + corner : nullptr};
              run_tiles(s.rows, cols > V::kLanes, s.count, elements, panels_a, panel_b, c);
            }
          }
        }
      }
    }
  }

  // C for k = 0: the product is 0.
  static void without_terms(const Product& g) {
    for (Index i = 0; i < g.m; ++i)
      for (Index j = 0; j < g.n; ++j) {
        float& c = g.c[i * g.ldc + j];
        c = (g.accumulate ? c : 0) + (g.bias ? g.bias[j] : 0);
        if (g.addend) c += g.addend[i * g.ldc + j];
      }
  }
};

}  // namespace headlight::kernels
