// Packing for the matrix product: copies blocks of A and B into the order in which the micro-kernel reads them.
//
//   A block [m, k] becomes panels of up to kTileRows rows, each stored [k, rows]: one step's elements are contiguous.
//   B block [k, n] becomes panels of kTileCols columns, each stored [k, kTileCols]; the last is padded with zeros.
//
// A source that is contiguous along the panel (A transposed, B not) is copied in short vectors. A source that is
// contiguous along k is transposed in registers, kLanes x kLanes squares at a time.
#pragma once

#include "kernels/kernels.h"

namespace headlight::kernels {

// out[c * ld_out + r] = in[r * ld_in + c] for r < rows <= kLanes, c < cols. Each c stores a whole vector: the surplus
// kLanes - rows floats are zeros, and the next c overwrites them. The last c's surplus stays.
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

// Steps of k per pass: these steps are copied for every panel before the next steps. The source is then read along its
// rows, and a cache line is still cached when the neighboring panel needs the rest of the line.
inline constexpr Index kCopySteps = 8;

// Packs a block of B [k, n] into consecutive panels [k, width]; missing columns are zeros.
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

// Packs `count` panels of A from [rows, k] to [k, rows], `next` floats apart. Writes up to kLanes floats past the end
// of each panel.
template <class V>
void pack_a(Index count, Index rows, Index k, const float* a, Index lda, bool trans, float* out, Index next) {
  constexpr Index kLanes = V::kLanes;
  if (!trans) {
    for (Index t = 0; t < count; ++t, a += rows * lda, out += next) {
      if (rows <= kLanes) {
        pack_transposed<V>(rows, k, a, lda, out, rows);
        continue;
      }
      // Taller than a vector (kLanes = 4): copy single elements, because a vector's surplus would overwrite neighbors.
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
