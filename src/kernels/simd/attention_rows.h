// The rows of an attention tile over a vector type V: scores, online softmax, dropout, and their derivative.
// simd/attention.h derives the formulas.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd/elementwise.h"
#include "kernels/simd/loop.h"
#include "kernels/simd/math.h"

namespace headlight::kernels {

// Tile size. With fewer queries per tile, more scores of future keys are skipped; with more queries, loaded keys are
// reused more often.
inline constexpr Index kQueryBlock = 48, kKeyBlock = 256;

template <class V>
struct AttentionRows {
  // The softcap, and row t of one head's bias and mask, starting at first_key (null: none).
  struct Extras {
    const float *bias, *mask;
    float softcap;
    Extras(const Attention<float>& a, Index b, Index h, Index t, Index first_key)
        : bias(a.bias.data ? a.bias.at(b, h) + t * a.bias.row + first_key : nullptr),
          mask(a.mask.data ? a.mask.at(b, h) + t * a.mask.row + first_key : nullptr),
          softcap(a.softcap) {}
    bool any() const { return bias || mask || softcap > 0; }
  };
  // Converts n dot products q k to scores: scaled, capped, plus the bias, -inf where masked.
  static void score_row(Index n, float scale, const Extras& extras, float* s) {
    const V factor = V::set(scale), lowest = V::set(-__builtin_inff());
    for_vectors<V>(n, [&](Index i, auto lanes) {
      V x = factor * V::load(s + i, lanes);
      if (extras.softcap > 0) x = V::set(extras.softcap) * tanh(x / V::set(extras.softcap));
      if (extras.bias) x = x + V::load(extras.bias + i, lanes);
      if (extras.mask) x = V::select(V::load(extras.mask + i, lanes) == V::zero(), lowest, x);
      x.store(s + i, lanes);
    });
  }
  static float exp_of(float x) {
    float lanes[V::kLanes];
    exp(V::set(x)).store(lanes);
    return lanes[0];
  }
  static void clear(Index begin, Index end, float* x) {
    for (Index i = begin; i < end; ++i) x[i] = 0;
  }
  static void scale_row(Index n, float factor, float* x) { simd_scale<V>(n, factor, x, x); }
  // The state of a row's online softmax: m and l in simd/attention.h.
  struct Running {
    float largest = -__builtin_inff(), sum = 0;
  };
  // Returns the largest of n scores; with extras, converts the products to scores first. The caller does this for all
  // rows before it computes exponentials, so that the latency of one row's reduction overlaps with the next rows.
  static float largest_score(Index n, float scale, const Extras& extras, float* s) {
    if (extras.any()) {
      score_row(n, scale, extras, s);
      scale = 1;
    }
    const V factor = V::set(scale);
    return max_value<V>(n, [&](Index i, auto lanes) { return factor * V::load(s + i, lanes); });
  }
  // Step 2 of the forward pass for one row: replaces n products by their exponentials and updates m and l. `here` is
  // the tile's largest score. Returns the correction factor exp(m - m') for the row of Z.
  static float softmax_row(Index n, float scale, const Extras& extras, float here, float* s, Running& so_far) {
    if (extras.any()) scale = 1;
    const V factor = V::set(scale);
    const float largest = so_far.largest > here ? so_far.largest : here;  // NaN if `here` is NaN
    if (largest == -__builtin_inff()) {                                   // no allowed key yet
      clear(0, n, s);
      return 1;
    }
    const float before = so_far.sum == 0 ? 0 : exp_of(so_far.largest - largest);
    const V shift = V::set(-largest);
    const float sum = sum_terms<V>(n, [&](Index i, auto lanes) {
      const V p = exp(V::fma(factor, V::load(s + i, lanes), shift));
      p.store(s + i, lanes);
      return p;
    });
    so_far = {largest, so_far.sum * before + sum};
    return before;
  }

  // Step 4 of the forward pass: divides Z by l and stores m and 1 / l for the backward pass.
  static void finish(Index rows, Index columns, const Running* so_far, float* z, Index z_row, float* largest,
                     float* inverse) {
    for (Index r = 0; r < rows; ++r) {
      const bool nothing = so_far[r].sum == 0;
      largest[r] = nothing ? __builtin_inff() : so_far[r].largest;
      inverse[r] = nothing ? 0 : 1 / so_far[r].sum;
      if (nothing) clear(0, columns, z + r * z_row);
      else scale_row(columns, inverse[r], z + r * z_row);
    }
  }

  static void drop_row(const Attention<float>& a, Index n, Index first, float* x) {
    if (a.dropout_threshold > 0) simd_dropout<V>(n, a.dropout_key, first, a.dropout_threshold, a.dropout_scale, x, x);
  }

  // For the first n elements of a row: p holds the products q k and becomes drop(P); ds holds dZ V^T and becomes
  // scale dS; a non-null dbias receives dS.
  static void backward_row(const Attention<float>& a, Index n, Index first, const Extras& extras, float largest,
                           float inverse, float dot, float* p, float* ds, float* dbias) {
    float scale = a.scale;
    float slopes[kKeyBlock];  // of the softcap: 1 - tanh^2
    if (extras.softcap > 0) {
      const V factor = V::set(scale), cap = V::set(extras.softcap), one = V::set(1.0f);
      for_vectors<V>(n, [&](Index i, auto lanes) {
        const V capped = tanh(factor * V::load(p + i, lanes) / cap);
        V::fnma(capped, capped, one).store(slopes + i, lanes);
      });
    }
    if (extras.any()) {
      score_row(n, scale, extras, p);
      scale = 1;
    }
    drop_row(a, n, first, ds);
    const V factor = V::set(scale), shift = V::set(-largest), per_sum = V::set(inverse);
    const V center = V::set(dot), slope = V::set(a.scale);
    for_vectors<V>(n, [&](Index i, auto lanes) {
      const V x = per_sum * exp(V::fma(factor, V::load(p + i, lanes), shift));
      x.store(p + i, lanes);
      const V dscore = x * (V::load(ds + i, lanes) - center);
      if (dbias) dscore.store(dbias + i, lanes);
      const V dproduct = slope * dscore;
      (extras.softcap > 0 ? dproduct * V::load(slopes + i, lanes) : dproduct).store(ds + i, lanes);
    });
    drop_row(a, n, first, p);
  }
};

}  // namespace headlight::kernels
