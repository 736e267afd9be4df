// Packing for the matrix product: copies of blocks of A and B in the order in which the micro-kernel reads them.
//
//   A block [m, k] as panels of up to kTileRows rows, each [k, rows]: the rows' elements of one step side by side.
//   B block [k, n] as panels of kTileCols columns, each [k, kTileCols], the last filled up with zeros.
//
// Where the source runs along the panel (A transposed, B as it is) packing copies short vectors; where it runs along k
// it transposes kLanes x kLanes squares in registers.
#pragma once

#include "kernels/kernels.h"

namespace headlight::kernels {

// out[c * ld_out + r] = in[r * ld_in + c] for r < rows <= kLanes, c < cols. Whole vectors are stored for each c: the
// kLanes - rows floats behind hold zeros until the next c overwrites them, and the last ones stay.
template <class V>
void pack_transposed(Index rows, Index cols, const float* in, Index ld_in, float* out, Index ld_out) {
  constexpr int kLanes = static_cast<int>(V::kLanes);
  V r[kLanes];
  Index c = 0;
  if (rows == kLanes) {
    for (; c + kLanes <= cols; c += kLanes, in += kLanes, out += kLanes * ld_out) {
#pragma GCC unroll 8
      for (int i = 0; i < kLanes; ++i) r[i] = V::load(in + i * ld_in);
      V::transpose(r);
#pragma GCC unroll 8
      for (int i = 0; i < kLanes; ++i) r[i].store(out + i * ld_out);
    }
  }
  const auto edge = [&](Index count, auto lanes) {
    for (int i = 0; i < kLanes; ++i) r[i] = i < rows ? V::load(in + i * ld_in, lanes) : V::zero();
    V::transpose(r);
    for (int i = 0; i < count; ++i) r[i].store(out + i * ld_out);
  };
  for (; c + kLanes <= cols; c += kLanes, in += kLanes, out += kLanes * ld_out) edge(kLanes, typename V::All{});
  if (c < cols) edge(cols - c, typename V::First{cols - c});
}

// How many steps of k are copied from every panel before the next ones: the source is read along its rows, and the
// lines it stands in are still in the cache when the neighbouring panel needs the rest of them.
inline constexpr Index kCopySteps = 8;

// A block of B [k, n] -> panels [k, width] behind each other, zeros in the columns that are missing.
template <class V>
void pack_b(Index k, Index n, Index width, const float* b, Index ldb, bool trans, float* out) {
  constexpr Index kLanes = V::kLanes;
  if (trans) {
    for (Index j = 0; j < n; j += width, out += k * width)
      for (Index v = 0; v < width; v += kLanes) {
        const Index left = n - j - v;
        pack_transposed<V>(left < 0 ? 0 : left < kLanes ? left : kLanes, k, b + (j + v) * ldb, ldb, out + v, width);
      }
    return;
  }
  for (Index begin = 0; begin < k; begin += kCopySteps) {
    const Index end = begin + kCopySteps < k ? begin + kCopySteps : k;
    for (Index j = 0; j < n; j += width) {
      float* panel = out + j * k;
      for (Index v = 0; v < width; v += kLanes) {
        const Index left = n - j - v;
        const float* in = b + j + v;
        if (left >= kLanes)
          for (Index p = begin; p < end; ++p) V::load(in + p * ldb).store(panel + p * width + v);
        else
          for (Index p = begin; p < end; ++p)
            (left > 0 ? V::load(in + p * ldb, typename V::First{left}) : V::zero()).store(panel + p * width + v);
      }
    }
  }
}

// `count` panels of A of `rows` rows each, [rows, k] -> [k, rows], `next` floats from one to the next. Writes up to
// kLanes floats behind each.
template <class V>
void pack_a(Index count, Index rows, Index k, const float* a, Index lda, bool trans, float* out, Index next) {
  constexpr Index kLanes = V::kLanes;
  if (!trans) {
    for (Index t = 0; t < count; ++t, a += rows * lda, out += next) {
      if (rows <= kLanes) {
        pack_transposed<V>(rows, k, a, lda, out, rows);
        continue;
      }
      // Taller than a vector (kLanes = 4): element by element, for the surplus of a vector would overwrite its neighbours.
      for (Index p = 0; p < k; ++p)
        for (Index i = 0; i < rows; ++i) out[p * rows + i] = a[i * lda + p];
    }
    return;
  }
  for (Index begin = 0; begin < k; begin += kCopySteps) {
    const Index end = begin + kCopySteps < k ? begin + kCopySteps : k;
    for (Index t = 0; t < count; ++t) {
      const float* in = a + t * rows;
      float* panel = out + t * next;
      for (Index p = begin; p < end; ++p) {
        Index i = 0;
        for (; i + kLanes <= rows; i += kLanes) V::load(in + p * lda + i).store(panel + p * rows + i);
        if (i < rows) V::load(in + p * lda + i, typename V::First{rows - i}).store(panel + p * rows + i);
      }
    }
  }
}

}  // namespace headlight::kernels
