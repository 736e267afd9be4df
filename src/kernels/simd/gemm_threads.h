// The multithreaded matrix product. Each thread runs the five loops of gemm.h on its own pieces, with its own packed
// blocks; the number of threads changes no bit of the result. There are three ways to divide the work:
//
//   1. A batch of products: each thread computes some of them.
//
//   2. A single product: C is cut into one rectangle per thread. Several threads then pack the same blocks of
//      A or B; packing is about 1 part in m (or n) of the work.
//
//   3. Both factors stored with k outermost, as in a weight's gradient dW = dY^T X, where k runs over the batch: the
//      blocks of k are divided instead.
//
//            dY^T           X                 Both factors are usually larger than C, and each thread reads rows
//         ┌────┬────┐    ┌──────┐             that it wrote itself, because every operation divides the rows in the
//         │  0 │  1 │  x │   0  │  =  C0 + C1 same way. The rows are therefore in the thread's own cache. (Reading
//         └────┴────┘    ├──────┤             them from another core's cache is slower, and the owner must reacquire
//                        │   1  │             the line before it writes there again.)
//                        └──────┘
//
//      The first block's sum goes to C, the others' sums to a workspace; then they are added in order. A single thread,
//      which adds each block to C when the block is done, performs the same additions.
#pragma once

#include "headlight/base/threads.h"
#include "kernels/simd/gemm.h"
#include "kernels/simd/loop.h"

namespace headlight::kernels {

// Products of fewer multiply-adds than this (over all batches; about 4 us on Zen 4) run on the calling thread, because
// starting a loop costs a few tenths of a microsecond, and more if the other threads sleep.
inline constexpr Index kParallelWork = Index{1} << 18;

// The cost model of a rectangle, per step of k: m n multiply-adds, plus m + n elements read. Reading one element counts
// as this many multiply-adds, because it may have to come from another core's cache.
inline constexpr Index kReadCost = 16;

// Upper limit on the floats of block sums in the workspace: 1 MB, which fits the level 2 cache.
inline constexpr Index kMaxBlockSums = Index{1} << 18;

template <class V, class Operands = Floats<V>>
struct GemmThreads {
  using Driver = GemmDriver<V, Operands>;

  // C cut into rows x cols rectangles of m x n, multiples of the tile size.
  struct Grid {
    Index rows, cols;
    Index m, n;
  };
  // The grid for `threads` threads that minimizes the cost of the largest rectangle.
  static Grid choose_grid(Index m, Index n, Index threads) {
    Grid best{1, 1, m, n};
    Index best_cost = 0;
    for (Index rows = 1; rows <= threads; ++rows) {
      const Index cols = threads / rows;
      const Index part_m = Driver::round_up((m + rows - 1) / rows, kTileRows),
                  part_n = Driver::round_up((n + cols - 1) / cols, Driver::kTileCols);
      const Index cost = part_m * part_n + kReadCost * (part_m + part_n);
      if (rows == 1 || cost < best_cost) {
        best_cost = cost;
        best = {(m + part_m - 1) / part_m, (n + part_n - 1) / part_n, part_m, part_n};
      }
    }
    return best;
  }

  // Calls body(i, row, col, m, n) for each rectangle of each of `count` products, in parallel.
  template <class Body>
  static void each_rectangle(const Gemm<float>& g, Index count, const Grid& grid, Index threads, const Body& body) {
    const Index rectangles = grid.rows * grid.cols, pieces = count * rectangles;
    parallel_for(pieces, (pieces + threads - 1) / threads, [&](Index begin, Index end) {
      for (Index piece = begin; piece < end; ++piece) {
        const Index rectangle = piece % rectangles;
        const Index row = rectangle / grid.cols * grid.m, col = rectangle % grid.cols * grid.n;
        body(piece / rectangles, row, col, Driver::min(grid.m, g.m - row), Driver::min(grid.n, g.n - col));
      }
    });
  }

  // Computes the m x n rectangle of C at (row, col) of one batch entry.
  static void part(const Gemm<float>& g, Index batch, Index row, Index col, Index m, Index n) {
    const Index outer = batch / g.batch_inner, inner = batch % g.batch_inner;
    const float* a = g.a + outer * g.a_outer + inner * g.a_inner;
    const float* b = g.b + outer * g.b_outer + inner * g.b_inner;
    const Index corner = outer * g.c_outer + inner * g.c_inner + row * g.ldc + col;
    const Product product{.m = m,
                          .n = n,
                          .k = g.k,
                          .a = a + (g.trans_a ? row : row * g.lda),
                          .lda = g.lda,
                          .trans_a = g.trans_a,
                          .b = b + (g.trans_b ? col * g.ldb : col),
                          .ldb = g.ldb,
                          .trans_b = g.trans_b,
                          .c = g.c + corner,
                          .ldc = g.ldc,
                          .alpha = g.alpha,
                          .accumulate = g.accumulate,
                          .bias = g.bias ? g.bias + col : nullptr,
                          .addend = g.addend ? g.addend + corner : nullptr};
    if (g.k == 0) Driver::without_terms(product);
    else Driver::run(product);
  }

  static Index common_divisor(Index a, Index b) { return b == 0 ? a : common_divisor(b, a % b); }
  static Index count_blocks(Index k) { return k == 0 ? 0 : (k + gemm_block_length(k) - 1) / gemm_block_length(k); }

  static bool shares_blocks(const Gemm<float>& g, Index threads) {
    const Index blocks = count_blocks(g.k);
    return threads > 1 && g.trans_a && !g.trans_b && blocks > 1 && (blocks - 1) * g.m * g.n <= kMaxBlockSums &&
           g.batch_outer * g.batch_inner == 1 && g.alpha == 1 && !g.addend;
  }

  static void run_blocks(const Gemm<float>& g, Index threads) {
    const Index kc = gemm_block_length(g.k), blocks = count_blocks(g.k), size = g.m * g.n;
    float* sums = workspace(Workspace::kBlockSums, (blocks - 1) * size);  // [blocks - 1, m, n]
    // The smallest number of rectangles that gives every thread the same number of pieces.
    const Grid grid = choose_grid(g.m, g.n, threads / common_divisor(blocks, threads));
    each_rectangle(g, blocks, grid, threads, [&](Index block, Index row, Index col, Index m, Index n) {
      Gemm<float> one = g;
      one.k = Driver::min(kc, g.k - block * kc);
      one.a += block * kc * g.lda;
      one.b += block * kc * g.ldb;
      if (block > 0) {
        one.c = sums + (block - 1) * size;
        one.ldc = g.n;
        one.accumulate = false;
        one.bias = nullptr;
      }
      part(one, 0, row, col, m, n);
    });
    parallel_for(g.m, (g.m + threads - 1) / threads, [&](Index begin, Index end) {
      for (Index row = begin; row < end; ++row) {
        float* c = g.c + row * g.ldc;
        for_vectors<V>(g.n, [&](Index col, auto lanes) {
          V sum = V::load(c + col, lanes);
          for (Index block = 1; block < blocks; ++block)
            sum = sum + V::load(sums + (block - 1) * size + row * g.n + col, lanes);
          sum.store(c + col, lanes);
        });
      }
    });
  }
};

template <class V, class Operands = Floats<V>>
void simd_gemm(const Gemm<float>& g) {
  using Threads = GemmThreads<V, Operands>;
  const Index batches = g.batch_outer * g.batch_inner;
  if (g.m <= 0 || g.n <= 0 || batches <= 0) return;
  const Index threads = g.m * g.n * g.k * batches < kParallelWork ? 1 : thread_count();
  if (Threads::shares_blocks(g, threads)) return Threads::run_blocks(g, threads);
  const auto grid = Threads::choose_grid(g.m, g.n, batches >= threads ? 1 : (threads + batches - 1) / batches);
  Threads::each_rectangle(g, batches, grid, threads, [&](Index batch, Index row, Index col, Index m, Index n) {
    Threads::part(g, batch, row, col, m, n);
  });
}

}  // namespace headlight::kernels
