// The matrix product, C [m,n] (+)= alpha * op(A) [m,k] * op(B) [k,n], over a vector type V.
//
// After Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008), as BLIS arranges it: five
// loops around a micro-kernel, each sized so that what it reuses stays in one level of the memory hierarchy.
//
//   1. columns of C in blocks of nc                    (a block of packed B: level 3 cache)
//   2.   k in blocks of kc; pack B [kc, nc]
//   3.     rows of C in blocks of mc; pack A [mc, kc]  (a block of packed A: level 2 cache)
//   4.       panels of B, kTileCols columns            (one panel of B: level 1 cache)
//   5.         panels of A, kTileRows rows             (one panel of A streams through)
//                the micro-kernel: a tile of C in registers (simd_gemm_tile.h)
//
//            k                        n                                     n
//        ┌───┬───────┐        ┌────┬──────────┐                    ┌────┬──────────┐
//     mc │ A │       │     kc │  B panels     │                 mc │    │          │
//        ├───┘       │        ├────┘──────────┤                    │tile│  C       │
//   m    │ kc        │    k   │ kTileCols     │       =       m    ├────┘          │
//        │           │        │               │                    │               │
//        └───────────┘        └───────────────┘                    └───────────────┘
//
// Packing makes the micro-kernel read memory in order, but costs a pass over the matrix; it is left out where the
// matrix is read so few times, or is so small, that it would not pay (see plan_packing).
//
// Threads: C is cut into one rectangle a thread (or each thread takes entries of the batch), and each thread runs the
// five loops on its own, with its own packed blocks. Threads share nothing and wait for nobody; the price is that blocks
// of A or B may be packed more than once, about 1 part in m (or n) of the work. k is never divided among threads: its
// blocks follow from k alone, so each element of C is computed by the same operations in the same order in any case.
#pragma once

#include "base/workspace.h"
#include "headlight/base/threads.h"
#include "kernels/kernels.h"
#include "kernels/simd_gemm_pack.h"
#include "kernels/simd_gemm_tile.h"

namespace headlight::kernels {

inline constexpr int kTileRows = 6;
inline constexpr int kTileVectors = 2;

// Block sizes, in elements: kc * kTileCols floats take 24 KB of a level 1 cache of 32, mc * kc a third of a megabyte of
// level 2, nc * kc a part of level 3.
struct Blocking {
  Index mc, nc, kc;
};
inline constexpr Blocking kBlocking{240, 2048, 384};

// A is read where it lies when C has no more panels of B than this: each reads it again. Where it lies transposed, a step
// of k is a cache line of its own, and packing pays sooner.
inline constexpr Index kUnpackedPanels = 12, kUnpackedPanelsTransposed = 8;

// Products of fewer multiply-adds than this (all batches together) run on the calling thread: waking the others costs
// a few microseconds.
inline constexpr Index kParallelWork = Index{1} << 18;

// A product of one thread: a rectangle of C and the parts of A and B that it needs.
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

template <class V>
struct GemmDriver {
  static constexpr Index kTileCols = kTileVectors * V::kLanes;

  static Index min(Index a, Index b) { return a < b ? a : b; }
  static Index round_up(Index a, Index step) { return (a + step - 1) / step * step; }

  // Rows in panels: as many of kTileRows as there can be while what is left, divided in two, is not too low; low tiles
  // have too few sums to keep the multiply-adders busy.
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
    const Index rest = m % kTileRows;
    // 7 to 11 rows as two panels of nearly equal height
    const Index full = rest == 0 || m < kTileRows ? m / kTileRows : m / kTileRows - 1;
    const Index left = m - full * kTileRows;
    groups.add({0, full, kTileRows});
    const Index upper = left > kTileRows ? (left + 1) / 2 : left;
    groups.add({full * kTileRows, 1, upper});
    groups.add({full * kTileRows + upper, 1, left - upper});
    return groups;
  }

  template <int kRows>
  static void tiles_of(bool wide, Index count, Index k, PanelsA a, PanelB b, const TilesC& c) {
    if (wide) tiles<V, kRows, 2>(count, k, a, b, c);
    else tiles<V, kRows, 1>(count, k, a, b, c);
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
      default:
        return tiles_of<6>(wide, count, k, a, b, c);
    }
  }

  // Loops 1 to 5.
  static void run(const Product& g) {
    // Blocks of k of nearly equal length, whole multiples of 8.
    const Index k_blocks = (g.k + kBlocking.kc - 1) / kBlocking.kc;
    const Index kc = min(g.k, round_up((g.k + k_blocks - 1) / k_blocks, 8));
    const bool packs_a = g.n > kTileCols * (g.trans_a ? kUnpackedPanelsTransposed : kUnpackedPanels);
    const bool packs_b = g.trans_b || (g.m > 4 * kTileRows && g.k * g.ldb > 4096);
    const Index mc = kBlocking.mc, nc = kBlocking.nc;
    float* packed_b = workspace(Workspace::kPackedB, round_up(min(g.n, nc), kTileCols) * kc);
    float* packed_a = packs_a ? workspace(Workspace::kPackedA, min(g.m, mc) * (kc + 2) + 2 * V::kLanes) : nullptr;

    for (Index jc = 0; jc < g.n; jc += nc) {
      const Index n = min(nc, g.n - jc);
      for (Index pc = 0; pc < g.k; pc += kc) {
        const Index k = min(kc, g.k - pc);
        const float* b = g.b + (g.trans_b ? jc * g.ldb + pc : pc * g.ldb + jc);
        const Index first = packs_b ? 0 : n - n % kTileCols;
        pack_b<V>(k, n - first, kTileCols, b + (g.trans_b ? first * g.ldb : first), g.ldb, g.trans_b,
                  packed_b + first * k);
        for (Index ic = 0; ic < g.m; ic += mc) {
          const Index m = min(mc, g.m - ic);
          const float* a = g.a + (g.trans_a ? pc * g.lda + ic : ic * g.lda + pc);
          const Groups groups = group_rows(m);
          if (packs_a)
            for (int i = 0; i < groups.size; ++i) {
              const Group& s = groups.group[i];
              pack_a<V>(s.count, s.rows, k, a + (g.trans_a ? s.row : s.row * g.lda), g.lda, g.trans_a,
                        packed_a + s.row * (k + 2), s.rows * (k + 2));
            }
          for (Index j = 0; j < n; j += kTileCols) {
            const Index cols = min(kTileCols, n - j);
            const PanelB panel_b = j >= first ? PanelB{packed_b + j * k, kTileCols} : PanelB{b + j, g.ldb};
            for (int i = 0; i < groups.size; ++i) {
              const Group& s = groups.group[i];
              const PanelsA panels_a = packs_a     ? PanelsA{packed_a + s.row * (k + 2), 1, s.rows, s.rows * (k + 2)}
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
              run_tiles(s.rows, cols > V::kLanes, s.count, k, panels_a, panel_b, c);
            }
          }
        }
      }
    }
  }

  // C when there is nothing to add up.
  static void without_terms(const Product& g) {
    for (Index i = 0; i < g.m; ++i)
      for (Index j = 0; j < g.n; ++j) {
        float& c = g.c[i * g.ldc + j];
        c = (g.accumulate ? c : 0) + (g.bias ? g.bias[j] : 0);
        if (g.addend) c += g.addend[i * g.ldc + j];
      }
  }

  // One batch entry, the rectangle of C at (row, col) of m x n.
  static void part(const Gemm<float>& g, Index batch, Index row, Index col, Index m, Index n) {
    const Index outer = batch / g.batch_inner, inner = batch % g.batch_inner;
    const float* a = g.a + outer * g.a_outer + inner * g.a_inner;
    const float* b = g.b + outer * g.b_outer + inner * g.b_inner;
    const Index corner = outer * g.c_outer + inner * g.c_inner + row * g.ldc + col;
    const Product product{m,
                          n,
                          g.k,
                          a + (g.trans_a ? row : row * g.lda),
                          g.lda,
                          g.trans_a,
                          b + (g.trans_b ? col * g.ldb : col),
                          g.ldb,
                          g.trans_b,
                          g.c + corner,
                          g.ldc,
                          g.alpha,
                          g.accumulate,
                          g.bias ? g.bias + col : nullptr,
                          g.addend ? g.addend + corner : nullptr};
    if (g.k == 0) without_terms(product);
    else run(product);
  }

  // Into how many rows x columns of rectangles C is cut for `parts` threads: the cut whose largest rectangle is the
  // least work: its elements, and the packing of its rows and columns.
  struct Grid {
    Index rows, cols;  // rectangles
    Index m, n;        // size of one, whole tiles
  };
  static Grid choose_grid(Index m, Index n, Index parts) {
    Grid best{1, 1, m, n};
    Index best_cost = 0;
    for (Index rows = 1; rows <= parts; ++rows) {
      const Index cols = parts / rows;
      const Index part_m = round_up((m + rows - 1) / rows, kTileRows),
                  part_n = round_up((n + cols - 1) / cols, kTileCols);
      const Index cost = part_m * part_n + part_m + part_n;
      if (rows == 1 || cost < best_cost) {
        best_cost = cost;
        best = {(m + part_m - 1) / part_m, (n + part_n - 1) / part_n, part_m, part_n};
      }
    }
    return best;
  }
};

template <class V>
void simd_gemm(const Gemm<float>& g) {
  using Driver = GemmDriver<V>;
  const Index batches = g.batch_outer * g.batch_inner;
  if (g.m <= 0 || g.n <= 0 || batches <= 0) return;
  const Index threads = g.m * g.n * g.k * batches < kParallelWork ? 1 : thread_count();
  const Index parts = batches >= threads ? 1 : (threads + batches - 1) / batches;
  const auto grid = Driver::choose_grid(g.m, g.n, parts);
  const Index rectangles = grid.rows * grid.cols, pieces = batches * rectangles;
  parallel_for(pieces, (pieces + threads - 1) / threads, [&](Index begin, Index end) {
    for (Index piece = begin; piece < end; ++piece) {
      const Index batch = piece / rectangles, rectangle = piece % rectangles;
      const Index row = rectangle / grid.cols * grid.m, col = rectangle % grid.cols * grid.n;
      Driver::part(g, batch, row, col, Driver::min(grid.m, g.m - row), Driver::min(grid.n, g.n - col));
    }
  });
}

}  // namespace headlight::kernels
