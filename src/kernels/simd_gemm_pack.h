// Packing for the matrix product: copies of blocks of A and B in the order in which the micro-kernel reads them.
//
//   A block [m, k] as panels of up to kTileRows rows, each [k, rows]: the rows' elements of one step side by side.
//   B block [k, n] as panels of kTileCols columns, each [k, kTileCols], the last filled up with zeros.
#pragma once

#include "kernels/kernels.h"

namespace headlight::kernels {

// Copies a [rows, cols] matrix that lies transposed: out[c * ld_out + r] = in[r * ld_in + c], rows <= kLanes. Whole
// vectors are stored for each column, so up to kLanes - rows floats behind each are overwritten (with zeros).
template <class V>
void pack_transposed(Index rows, Index cols, const float* in, Index ld_in, float* out, Index ld_out) {
  constexpr Index kLanes = V::kLanes;
  const auto block = [&](Index c, auto lanes, Index count) {
    V r[kLanes];
    for (Index i = 0; i < kLanes; ++i) r[i] = i < rows ? V::load(in + i * ld_in + c, lanes) : V::zero();
    V::transpose(r);
    for (Index i = 0; i < kLanes; ++i)
      if (i < count) r[i].store(out + (c + i) * ld_out);
  };
  Index c = 0;
  if (rows == kLanes) {
    for (; c + kLanes <= cols; c += kLanes) {
      V r[kLanes];
      for (Index i = 0; i < kLanes; ++i) r[i] = V::load(in + i * ld_in + c);
      V::transpose(r);
      for (Index i = 0; i < kLanes; ++i) r[i].store(out + (c + i) * ld_out);
    }
  } else {
    for (; c + kLanes <= cols; c += kLanes) block(c, typename V::All{}, kLanes);
  }
  if (c < cols) block(c, typename V::First{cols - c}, cols - c);
}

// One panel of A, [rows, k] -> [k, rows]. `a` points at its first element. Writes up to kLanes floats past the end.
template <class V>
void pack_a_panel(Index rows, Index k, const float* a, Index lda, bool trans, float* out) {
  if (!trans) {
    // More rows than lanes: the first kLanes, then the others; each vector's surplus is overwritten by what follows.
    for (Index r = 0; r < rows; r += V::kLanes)
      if (rows - r <= V::kLanes && r == 0) {
        pack_transposed<V>(rows, k, a, lda, out, rows);
      } else {
        for (Index p = 0; p < k; ++p)
          for (Index i = r; i < rows && i < r + V::kLanes; ++i) out[p * rows + i] = a[i * lda + p];
      }
    return;
  }
  for (Index p = 0; p < k; ++p)
    for (Index i = 0; i < rows; ++i) out[p * rows + i] = a[p * lda + i];
}

// One panel of B, `cols` (at most `width`) columns of k rows -> [k, width] with zeros in the columns that are missing.
template <class V>
void pack_b_panel(Index k, Index cols, Index width, const float* b, Index ldb, bool trans, float* out) {
  constexpr Index kLanes = V::kLanes;
  for (Index j = 0; j < width; j += kLanes) {
    const Index count = cols - j < kLanes ? cols - j : kLanes;  // may be negative or 0: all zeros
    if (trans) {
      pack_transposed<V>(count < 0 ? 0 : count, k, b + j * ldb, ldb, out + j, width);
    } else if (count == kLanes) {
      for (Index p = 0; p < k; ++p) V::load(b + p * ldb + j).store(out + p * width + j);
    } else {
      for (Index p = 0; p < k; ++p)
        (count > 0 ? V::load(b + p * ldb + j, typename V::First{count}) : V::zero()).store(out + p * width + j);
    }
  }
}

}  // namespace headlight::kernels
