// Packing for the matrix product: copies blocks of A and B into the order in which the micro-kernel reads them.
//
//   A block [m, k] becomes panels of up to kTileRows rows, each stored [k, rows]: one step's elements are contiguous.
//   B block [k, n] becomes panels of kTileCols columns, each stored [k, kTileCols]; the last is padded with zeros.
//
// A source that is contiguous along the panel (A transposed, B not) is copied in short vectors. A source that is
// contiguous along k is transposed in registers, kLanes x kLanes squares at a time.
#pragma once

#include <type_traits>

#include "kernels/kernels.h"
#include "kernels/simd/gemm_tile.h"

namespace headlight::kernels {

// How packing changes the elements. This kind copies them.
struct Unchanged {
  static constexpr Index steps(Index k) { return k; }         // packed steps for k steps of the source
  static constexpr Index source(Index step) { return step; }  // the step of the source
  static constexpr bool exists(Index /*source*/, Index /*k*/) { return true; }  // false: pack zeros
  template <class V>
  [[gnu::always_inline]] static V converted(V x) {
    return x;
  }
};

// out[c * ld_out + r] = in[r * ld_in + c] for r < rows <= kLanes, c < cols. Each c stores a whole vector: the surplus
// kLanes - rows floats are zeros, and the next c overwrites them. The last c's surplus is never overwritten.
template <class V, class Elements = Unchanged>
void pack_transposed(Index rows, Index cols, const float* in, Index ld_in, float* out, Index ld_out) {
  constexpr int kLanes = static_cast<int>(V::kLanes);
  V r[kLanes];
  Index c = 0;
  if (rows == kLanes) {
    for (; c + kLanes <= cols; c += kLanes, in += kLanes, out += kLanes * ld_out) {
#pragma GCC unroll 8
      for (int i = 0; i < kLanes; ++i) r[i] = Elements::converted(V::load(in + i * ld_in));
      V::transpose(r);
#pragma GCC unroll 8
      for (int i = 0; i < kLanes; ++i) r[Elements::source(i)].store(out + i * ld_out);
    }
  }
  const auto edge = [&](Index count, auto lanes) {
    for (int i = 0; i < kLanes; ++i) r[i] = i < rows ? Elements::converted(V::load(in + i * ld_in, lanes)) : V::zero();
    V::transpose(r);
    for (int i = 0; i < Elements::steps(count); ++i) r[Elements::source(i)].store(out + i * ld_out);
  };
  for (; c + kLanes <= cols; c += kLanes, in += kLanes, out += kLanes * ld_out) edge(kLanes, typename V::All{});
  if (c < cols) edge(cols - c, typename V::First{cols - c});
}

// Steps of k per pass: a pass copies these steps for every panel. The source is then read along its rows, and a cache
// line is still cached when the neighboring panel needs the rest of the line.
inline constexpr Index kCopySteps = 8;

// Packs a block of B [k, n] into consecutive panels [k, width]; missing columns are zeros.
template <class V, class Elements = Unchanged>
void pack_b(Index k, Index n, Index width, const float* b, Index ldb, bool trans, float* out) {
  constexpr Index kLanes = V::kLanes;
  const Index steps = Elements::steps(k);
  if (trans) {
    for (Index j = 0; j < n; j += width, out += steps * width)
      for (Index v = 0; v < width; v += kLanes) {
        const Index left = n - j - v, rows = left < 0 ? 0 : left < kLanes ? left : kLanes;
        pack_transposed<V, Elements>(rows, k, b + (j + v) * ldb, ldb, out + v, width);
      }
    return;
  }
  for (Index begin = 0; begin < steps; begin += kCopySteps) {
    const Index end = begin + kCopySteps < steps ? begin + kCopySteps : steps;
    for (Index j = 0; j < n; j += width) {
      float* panel = out + j * steps;
      for (Index v = 0; v < width; v += kLanes) {
        const Index left = n - j - v;
        const float* in = b + j + v;
        const auto copy = [&](auto lanes) __attribute__((always_inline)) {
          for (Index p = begin; p < end; ++p) {
            const Index from = Elements::source(p);
            const V x = Elements::exists(from, k) ? Elements::converted(V::load(in + from * ldb, lanes)) : V::zero();
            x.store(panel + p * width + v);
          }
        };
        if (left >= kLanes) copy(typename V::All{});
        else if (left > 0) copy(typename V::First{left});
        else
          for (Index p = begin; p < end; ++p) V::zero().store(panel + p * width + v);
      }
    }
  }
}

// Packs `count` panels of A from [rows, k] to [k, rows], `next` floats apart. Writes up to kLanes floats past the end
// of each panel.
template <class V, class Elements = Unchanged>
void pack_a(Index count, Index rows, Index k, const float* a, Index lda, bool trans, float* out, Index next) {
  constexpr Index kLanes = V::kLanes;
  const Index steps = Elements::steps(k);
  if (!trans) {
    for (Index t = 0; t < count; ++t, a += rows * lda, out += next) {
      if (rows <= kLanes) {
        pack_transposed<V, Elements>(rows, k, a, lda, out, rows);
        continue;
      }
      // Taller than a vector (kLanes = 4): pack single elements, because a vector's surplus would overwrite neighbors.
      for (Index p = 0; p < steps; ++p)
        for (Index i = 0; i < rows; ++i) {
          const V x =
              Elements::exists(Elements::source(p), k) ? V::repeat(a + i * lda + Elements::source(p)) : V::zero();
          Elements::converted(x).store(out + p * rows + i, typename V::First{1});
        }
    }
    return;
  }
  for (Index begin = 0; begin < steps; begin += kCopySteps) {
    const Index end = begin + kCopySteps < steps ? begin + kCopySteps : steps;
    for (Index t = 0; t < count; ++t) {
      const float* in = a + t * rows;
      float* panel = out + t * next;
      for (Index p = begin; p < end; ++p) {
        const Index from = Elements::source(p);
        const auto copy = [&](Index i, auto lanes) __attribute__((always_inline)) {
          const V x = Elements::exists(from, k) ? Elements::converted(V::load(in + from * lda + i, lanes)) : V::zero();
          x.store(panel + p * rows + i);
        };
        Index i = 0;
        for (; i + kLanes <= rows; i += kLanes) copy(i, typename V::All{});
        if (i < rows) copy(i, typename V::First{rows - i});
      }
    }
  }
}

// The operands of a product in float32 units. gemm.h describes the members.
template <class V, class Elements = Unchanged>
struct Floats {
  using Vector = V;
  static constexpr bool kInPlace = std::is_same_v<Elements, Unchanged>;
  static constexpr Index elements(Index k) { return Elements::steps(k); }
  static constexpr Index stride(Index k) { return Elements::steps(k) + 2; }

  [[gnu::always_inline]] static V multiply_add(V x, V y, V sum) { return V::fma(x, y, sum); }
  static PanelsA packed(const float* data, Index rows, Index stride, bool /*trans*/) {
    return {data, 1, rows, rows * stride};
  }
  static void pack_a(Index count, Index rows, Index k, const float* a, Index lda, bool trans, float* out) {
    kernels::pack_a<V, Elements>(count, rows, k, a, lda, trans, out, rows * stride(k));
  }
  static void pack_b(Index k, Index n, Index width, const float* b, Index ldb, bool trans, float* out) {
    kernels::pack_b<V, Elements>(k, n, width, b, ldb, trans, out);
  }
};

}  // namespace headlight::kernels
