// Tiled attention over a vector type V: only one tile of the T x S score matrix exists at a time.
//
// FlashAttention (Dao et al. 2022; Dao 2023) with an online softmax (Milakov and Gimelshein 2018). One thread computes
// one sequence and head:
//
//              keys                          Forward, for each block of queries (rows):
//           ┌────┬────┬────┐                  1. S = scale Q K^T for a tile of keys
//           │ S  │  ·    ·   <- skipped:      2. m' = max(m, max of S); P = exp(S - m'); l = l exp(m - m') + sum P
//   queries ├────┼────┐        future keys    3. Z = Z exp(m - m') + P V; repeat for the next tile of keys
//           │ S  │ S  │  ·                    4. after the last tile: Z = Z / l
//           ├────┼────┼────┐
//           │ S  │ S  │ S  │                 Backward, in the same order; m and l are enough to recompute P:
//           └────┴────┴────┘                  1. P = exp(S - m) / l, dP = dZ V^T
//                                             2. dS = scale P (dP - rowsum(dZ Z))
//                                             3. dV += P^T dZ, dQ += dS K, dK += dS^T Q
//
// Online softmax. After the tiles 1..j, with scores x_i and values v_i of all their keys, the invariant is
//   m_j = max x_i,   l_j = sum exp(x_i - m_j),   Z_j = sum exp(x_i - m_j) v_i
// A new tile J raises the maximum to m_{j+1} = max(m_j, max of J). Because
//   exp(x - m_{j+1}) = exp(x - m_j) exp(m_j - m_{j+1}),
// one factor c = exp(m_j - m_{j+1}) corrects both old sums:
//   l_{j+1} = c l_j + sum_{i in J} exp(x_i - m_{j+1}),   Z_{j+1} = c Z_j + sum_{i in J} exp(x_i - m_{j+1}) v_i
// At the end Z / l is softmax(x) V. Every exponent is <= 0, so nothing overflows (Milakov and Gimelshein 2018,
// algorithm 3, for l; Dao et al. 2022, algorithm 1, for Z).
//
// A tile on the diagonal is multiplied in steps that also skip its upper right part (Staircase). With a window, tiles
// begin near the first visible key, and products also skip the lower left part: time is linear in T.
//
// Two full tiles fit the level 2 cache; two tiles with few keys fit level 1. All products run on the micro-kernel of
// the matrix product (gemm_tile.h), which reads both factors in place. There is one exception: a right factor that is
// needed transposed (K^T, V^T), or whose rows are not whole vectors, is packed into panels once per head.
//
// Memory per thread is linear in the number of keys: K^T, V^T and two tiles.
#pragma once

#include <algorithm>

#include "base/workspace.h"
#include "headlight/base/threads.h"
#include "kernels/kernels.h"
#include "kernels/simd/attention_rows.h"
#include "kernels/simd/gemm_threads.h"
#include "kernels/simd/loop.h"

namespace headlight::kernels {

template <class V>
struct AttentionTiles : AttentionRows<V> {
  using Rows = AttentionRows<V>;
  using Rows::backward_row;
  using Rows::clear;
  using Rows::drop_row;
  using Rows::finish;
  using Rows::largest_score;
  using Rows::scale_row;
  using Rows::softmax_row;
  using typename Rows::Extras;
  using typename Rows::Running;
  using Driver = GemmDriver<V>;
  static constexpr Index kCols = Driver::kTileCols;

  // A right factor [k, n] in panels of kCols columns: row p of panel j starts at data + j * next + p * step.
  struct Panels {
    const float* data;
    Index next, step;
    Panels from_row(Index row) const { return {data + row * step, next, step}; }
    Panels from_panel(Index panel) const { return {data + panel * next, next, step}; }
  };
  // Hands out consecutive pieces of a thread's workspace.
  struct Room {
    float* free;
    float* take(Index count) {
      float* taken = free;
      free += count;
      return taken;
    }
  };
  static Index panels_size(Index rows, Index columns) { return rows * Driver::round_up(columns, kCols); }
  static bool in_place(Index columns) { return columns % V::kLanes == 0; }
  static Index copy_size(Index rows, Index columns) { return in_place(columns) ? 0 : panels_size(rows, columns); }

  static Panels as_panels(const float* x, Index row, Index rows, Index columns, Room& room) {
    if (in_place(columns)) return {x, kCols, row};
    return copied(x, row, rows, columns, room);
  }
  static Panels copied(const float* x, Index row, Index rows, Index columns, Room& room) {
    float* packed = room.take(panels_size(rows, columns));
    pack_b<V>(rows, columns, kCols, x, row, false, packed);
    return {packed, rows * kCols, kCols};
  }
  // x [rows, columns] -> its transpose [columns, rows].
  static Panels transposed(const float* x, Index row, Index rows, Index columns, Room& room) {
    float* packed = room.take(panels_size(columns, rows));
    pack_b<V>(columns, rows, kCols, x, row, true, packed);
    return {packed, columns * kCols, kCols};
  }

  // C [m,n] (+)= A B: loops 4 and 5 of the matrix product. Element (i,p) of A is a[i * a_row + p * a_step].
  static void multiply(Index m, Index n, Index k, const float* a, Index a_row, Index a_step, const Panels& b, float* c,
                       Index ldc, bool accumulate) {
    const auto groups = Driver::group_rows(m);
    for (Index j = 0; j < n; j += kCols) {
      const Index cols = Driver::min(kCols, n - j);
      for (int i = 0; i < groups.size; ++i) {
        const auto& g = groups.group[i];
        Driver::run_tiles(g.rows, cols > V::kLanes, g.count, k, {a + g.row * a_row, a_row, a_step, g.rows * a_row},
                          {b.data + j / kCols * b.next, b.step}, {c + g.row * ldc + j, ldc, cols, 1.0f, accumulate});
      }
    }
  }

  // The visible part of a tile: row r attends to the tile's keys before `seen` + r, or to all keys if `whole`. With a
  // window, row r attends only to the last `window` of these.
  struct Staircase {
    Index rows, keys, seen, window;
    bool whole;
    Staircase(const Attention<float>& a, Index row, Index row_count, Index first_key, Index key_count)
        : rows(row_count), keys(key_count), seen(a.diagonal(row) - first_key), window(a.window), whole(!a.causal) {}
    // Row r attends to the keys from_of(r) .. keys_of(r) - 1.
    Index keys_of(Index r) const { return whole ? keys : Driver::min(keys, seen + r < 0 ? 0 : seen + r); }
    Index from_of(Index r) const {
      return window > 0 && seen + r > window ? Driver::min(keys_of(r), seen + r - window) : 0;
    }
    // The rows first_row_of(key) .. end_row_of(key) - 1 attend to the key.
    Index first_row_of(Index key) const { return whole || key < seen ? 0 : key - seen + 1; }
    Index end_row_of(Index key) const { return window > 0 ? Driver::min(rows, key - seen + window + 1) : rows; }
  };

  // The three products with a tile. They skip invisible elements, except a few beside each step of the staircase.
  // Where the tile is a factor, these few elements must be zeros (clear_beside).
  //
  // Tile [rows,keys] = A B, for A [rows,k].
  static void product_into_tile(const Staircase& s, Index k, const float* a, Index a_row, Panels b, float* tile,
                                Index stride) {
    for (Index j = 0; j < s.keys; j += kCols, b.data += b.next) {
      const Index first = s.first_row_of(j), cols = Driver::min(kCols, Driver::round_up(s.keys - j, V::kLanes));
      const Index count = s.end_row_of(j + cols - 1) - first;
      if (count > 0) multiply(count, cols, k, a + first * a_row, a_row, 1, b, tile + first * stride + j, stride, false);
    }
  }
  // C [rows,columns] (+)= tile B, for B [keys,columns].
  static void product_of_tile(const Staircase& s, Index columns, const float* tile, Index stride, const Panels& b,
                              float* c, Index ldc, bool accumulate) {
    for (Index r = 0, height; r < s.rows; r += height) {
      const bool whole = s.keys_of(r) == s.keys && s.from_of(s.rows - 1) == 0;
      height = Driver::min(whole ? s.rows : kTileRows, s.rows - r);
      const Index from = s.from_of(r), k = s.keys_of(r + height - 1) - from;
      const float* a = tile + r * stride + from;
      if (k > 0) multiply(height, columns, k, a, stride, 1, b.from_row(from), c + r * ldc, ldc, accumulate);
      else if (!accumulate)
        for (Index i = r; i < r + height; ++i) clear(0, columns, c + i * ldc);
    }
  }
  // C [keys,columns] (+)= tile^T B, for B [rows,columns]: adds to the first `old` rows of C, overwrites the others.
  static void product_of_transposed(const Staircase& s, Index columns, const float* tile, Index stride, const Panels& b,
                                    float* c, Index ldc, Index old) {
    const Index all_begin = s.from_of(s.rows - 1), all_end = s.keys_of(0);  // all rows attend to these keys
    for (Index key = s.from_of(0), height; key < s.keys; key += height) {
      const Index end = key < old ? old : s.keys;
      height = Driver::min(key >= all_begin && key < all_end ? all_end - key : kTileRows, end - key);
      const Index first = s.first_row_of(key), last = s.end_row_of(key + height - 1);
      multiply(height, columns, last - first, tile + first * stride + key, 1, stride, b.from_row(first), c + key * ldc,
               ldc, key < old);
    }
  }
  // Zeros the invisible elements that a product may read before and after the visible part of a row.
  static void clear_beside(Index from, Index end, float* row) {
    clear(from > kTileRows ? from - kTileRows : 0, from, row);
    for (Index i = 0; i < kTileRows; i += V::kLanes) V::zero().store(row + end + i);
  }

  static Index query(const Attention<float>& a, Index b, Index h, Index t) { return (b * a.heads + h) * a.queries + t; }
  static Index element(const Attention<float>& a, Index b, Index h, Index t, Index s) {
    return query(a, b, h, t) * a.keys + s;
  }
  static Index tile_stride(const Attention<float>& a) {
    // Longer than the keys: clear_beside() writes past them, and the padding spreads the rows over cache sets.
    return Driver::round_up(Driver::min(a.keys, kKeyBlock), kCols) + Driver::round_up(kTileRows, V::kLanes);
  }

  // Heads per chunk: one, or all of them if the whole loop is too little work for several threads.
  static Index grain(const Attention<float>& a) {
    const Index pairs = a.batches * a.heads;
    const Index keys = a.window > 0 ? Driver::min(a.keys, a.window + kQueryBlock) : a.keys;
    return pairs * a.queries * keys * (a.size + a.value_size) < kParallelWork ? pairs : 1;
  }

  // ---- one sequence and head ----

  // The first key of the first tile for a block of queries that begins at i: query i's first visible key, rounded down
  // to the start of a panel.
  static Index first_tile(const Attention<float>& a, Index i) { return a.first(i) / kCols * kCols; }

  static void forward(const Attention<float>& a, Index b, Index h) {
    const Index stride = tile_stride(a);
    Room room{workspace(Workspace::kAttention,
                        panels_size(a.size, a.keys) + copy_size(a.keys, a.value_size) + kQueryBlock * stride)};
    const Panels kt = transposed(a.keys_at(b, h), a.k.row, a.keys, a.size, room);
    const Panels v = as_panels(a.values_at(b, h), a.v.row, a.keys, a.value_size, room);
    float* tile = room.take(kQueryBlock * stride);
    for (Index i = 0; i < a.queries; i += kQueryBlock) {
      const Index rows = Driver::min(kQueryBlock, a.queries - i), limit = a.visible(i + rows - 1);
      const Index begin = first_tile(a, i);
      const float* q = a.q.at(b, h) + i * a.q.row;
      float* z = a.z.at(b, h) + i * a.z.row;
      Running so_far[kQueryBlock];
      for (Index j = begin; j < limit; j += kKeyBlock) {
        const Index n = Driver::min(kKeyBlock, limit - j);
        const Staircase stairs(a, i, rows, j, n);
        product_into_tile(stairs, a.size, q, a.q.row, kt.from_panel(j / kCols), tile, stride);
        float here[kQueryBlock];
        for (Index r = 0; r < rows; ++r) {
          const Index from = stairs.from_of(r), seen = stairs.keys_of(r) - from;
          here[r] = largest_score(seen, a.scale, Extras(a, b, h, i + r, j + from), tile + r * stride + from);
        }
        for (Index r = 0; r < rows; ++r) {
          float* p = tile + r * stride;
          const Index from = stairs.from_of(r), seen = stairs.keys_of(r) - from;
          const auto before =
              softmax_row(seen, a.scale, Extras(a, b, h, i + r, j + from), here[r], p + from, so_far[r]);
          if (j > begin) scale_row(a.value_size, before, z + r * a.z.row);
          drop_row(a, seen, element(a, b, h, i + r, j + from), p + from);
          clear_beside(from, from + seen, p);
        }
        product_of_tile(stairs, a.value_size, tile, stride, v.from_row(j), z, a.z.row, j > begin);
      }
      const Index first = query(a, b, h, i);
      finish(rows, a.value_size, so_far, z, a.z.row, a.largest + first, a.inverse + first);
    }
  }

  // One sequence and key head, with all the heads that share it.
  static void backward(const AttentionBackward<float>& g, Index b, Index key_head) {
    const Attention<float>& a = g.forward;
    const Index stride = tile_stride(a);
    Room room{workspace(Workspace::kAttention,
                        panels_size(a.size, a.keys) + panels_size(a.value_size, a.keys) + panels_size(a.keys, a.size) +
                            copy_size(a.queries, a.size) + copy_size(a.queries, a.value_size) +
                            kQueryBlock * Driver::round_up(a.size, kCols) + 2 * kQueryBlock * stride)};
    const Panels kt = transposed(a.k.at(b, key_head), a.k.row, a.keys, a.size, room);
    const Panels vt = transposed(a.v.at(b, key_head), a.v.row, a.keys, a.value_size, room);
    const Panels k = copied(a.k.at(b, key_head), a.k.row, a.keys, a.size, room);  // dk may overwrite k
    float* tile_p = room.take(kQueryBlock * stride);
    float* tile_ds = room.take(kQueryBlock * stride);
    float *dk = g.dk.at(b, key_head), *dv = g.dv.at(b, key_head);
    // Keys before `begun` have partial sums in dk and dv; the other rows are still uninitialized.
    Index begun = a.queries == 0 ? a.keys : Driver::min(a.keys, a.first(0));
    for (Index s = 0; s < begun; ++s) {
      clear(0, a.size, dk + s * g.dk.row);
      clear(0, a.value_size, dv + s * g.dv.row);
    }
    for (Index h = key_head * a.group; h < (key_head + 1) * a.group; ++h)
      begun = backward_head(g, b, h, kt, vt, k, room, tile_p, tile_ds, stride, begun);
    for (Index s = begun; s < a.keys; ++s) {  // no query attends to these
      clear(0, a.size, dk + s * g.dk.row);
      clear(0, a.value_size, dv + s * g.dv.row);
    }
  }

  // One head; returns the new value of `begun`.
  static Index backward_head(const AttentionBackward<float>& g, Index b, Index h, const Panels& kt, const Panels& vt,
                             const Panels& k, Room room, float* tile_p, float* tile_ds, Index stride, Index begun) {
    const Attention<float>& a = g.forward;
    const Panels q = as_panels(a.q.at(b, h), a.q.row, a.queries, a.size, room);
    float* q_rows = room.take(kQueryBlock * a.size);  // a copy, because dq may overwrite q
    const Panels dz = as_panels(g.dz.at(b, h), g.dz.row, a.queries, a.value_size, room);
    float *dk = g.dk.at(b, h / a.group), *dv = g.dv.at(b, h / a.group);
    if (g.dbias) clear(0, a.queries * a.keys, g.dbias_at(b, h, 0, 0));
    for (Index i = 0; i < a.queries; i += kQueryBlock) {
      const Index rows = Driver::min(kQueryBlock, a.queries - i), limit = a.visible(i + rows - 1);
      const Index begin = first_tile(a, i);
      const float* dz_rows = g.dz.at(b, h) + i * g.dz.row;
      const float* z_rows = a.z.at(b, h) + i * a.z.row;
      const float *largest = a.largest + query(a, b, h, i), *inverse = a.inverse + query(a, b, h, i);
      float* dq_rows = g.dq.at(b, h) + i * g.dq.row;
      for (Index r = 0; r < rows; ++r) std::copy_n(a.q.at(b, h) + (i + r) * a.q.row, a.size, q_rows + r * a.size);
      const Panels q_right = in_place(a.size) ? Panels{q_rows, kCols, a.size} : q.from_row(i);
      if (limit <= begin)
        for (Index r = 0; r < rows; ++r) clear(0, a.size, dq_rows + r * g.dq.row);
      float dot[kQueryBlock];
      for (Index r = 0; r < rows; ++r)
        dot[r] = sum_terms<V>(a.value_size, [&](Index e, auto lanes) {
          return V::load(dz_rows + r * g.dz.row + e, lanes) * V::load(z_rows + r * a.z.row + e, lanes);
        });
      for (Index j = begin; j < limit; j += kKeyBlock) {
        const Index n = Driver::min(kKeyBlock, limit - j), old = Driver::min(n, begun > j ? begun - j : 0);
        const Staircase stairs(a, i, rows, j, n);
        product_into_tile(stairs, a.size, q_rows, a.size, kt.from_panel(j / kCols), tile_p, stride);
        product_into_tile(stairs, a.value_size, dz_rows, g.dz.row, vt.from_panel(j / kCols), tile_ds, stride);
        for (Index r = 0; r < rows; ++r) {
          float *p = tile_p + r * stride, *ds = tile_ds + r * stride;
          const Index from = stairs.from_of(r), seen = stairs.keys_of(r) - from, first = j + from;
          backward_row(a, seen, element(a, b, h, i + r, first), Extras(a, b, h, i + r, first), largest[r], inverse[r],
                       dot[r], p + from, ds + from, g.dbias_at(b, h, i + r, first));
          clear_beside(from, from + seen, p);
          clear_beside(from, from + seen, ds);
        }
        product_of_transposed(stairs, a.value_size, tile_p, stride, dz.from_row(i), dv + j * g.dv.row, g.dv.row, old);
        product_of_tile(stairs, a.size, tile_ds, stride, k.from_row(j), dq_rows, g.dq.row, j > begin);
        product_of_transposed(stairs, a.size, tile_ds, stride, q_right, dk + j * g.dk.row, g.dk.row, old);
      }
      begun = limit > begun ? limit : begun;
    }
    return begun;
  }
};

template <class V>
void simd_attention(const Attention<float>& a) {
  parallel_for(a.batches * a.heads, AttentionTiles<V>::grain(a), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) AttentionTiles<V>::forward(a, i / a.heads, i % a.heads);
  });
}

template <class V>
void simd_attention_backward(const AttentionBackward<float>& g) {
  const Index key_heads = g.forward.heads / g.forward.group;
  parallel_for(g.forward.batches * key_heads, AttentionTiles<V>::grain(g.forward), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) AttentionTiles<V>::backward(g, i / key_heads, i % key_heads);
  });
}

}  // namespace headlight::kernels
