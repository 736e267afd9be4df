// Arguments of the attention kernels. For each of `batches` x `heads`, with q [T,D], k [S,D], v [S,E]:
//
//   s = scale q k^T + bias     [T,S]    never stored as a whole; with a softcap c: c tanh(scale q k^T / c) + bias
//   p = softmax(s)             [T,S]    over the keys that the mask and causality allow
//   z = drop(p) v              [T,E]
//   largest = max s, inverse = 1 / sum exp(s - largest)   [T]   for the backward pass: p = exp(s - largest) inverse
//
// (In exact arithmetic, storing log sum exp s would suffice. In floating point, log sum exp s loses the sum to rounding
// if s is far from 0.)
//
// Every matrix has strides in elements for batch, head and row; the elements of a row are contiguous. The kernels
// therefore read queries, keys and values in place, from [B,H,T,D] or packed in one [B,T,3HD].
//
// With grouped queries (Ainslie et al. 2023), `group` neighboring heads share the keys and values of one of H / group
// key heads. Then k, v, dk and dv have H / group matrices per batch.
#pragma once

#include <cstdint>

#include "headlight/base/index.h"

namespace headlight::kernels {

template <class T>
struct Matrices {
  T* data = nullptr;
  Index batch = 0, head = 0, row = 0;

  T* at(Index b, Index h) const { return data + b * batch + h * head; }
};

template <class T>
struct Attention {
  Index batches = 0, heads = 0, queries = 0, keys = 0, size = 0, value_size = 0;  // B, H, T, S, D, E
  Matrices<const T> q, k, v;
  Matrices<T> z;
  T *largest = nullptr, *inverse = nullptr;  // [B,H,T]; +inf and 0 if all scores are -inf or masked, so that p is 0
  T scale = 1;
  T softcap = 0;             // 0: none
  Index group = 1;           // heads per key head; divides H
  bool causal = false;       // query t attends to keys 0 .. t + S - T + shift
  Index shift = 0;           // needs `causal`
  Index window = 0;          // if above 0, query t attends only to the last `window` of those keys; needs `causal`
  Matrices<const T> mask{};  // [T,S], 0 where a query may not attend to a key; null data for none
  Matrices<const T> bias{};  // [T,S]; null data for none
  // Dropout of element i = ((b H + h) T + t) S + s, as in Table::dropout; a threshold of 0 disables it.
  std::uint64_t dropout_key = 0;
  std::uint32_t dropout_threshold = 0;
  T dropout_scale = 1;

  // Query t attends to the keys first(t) .. visible(t) - 1; to none if first(t) is not below visible(t).
  Index visible(Index t) const {
    const Index end = diagonal(t);
    return end < 0 ? 0 : end < keys ? end : keys;
  }
  Index first(Index t) const { return window > 0 && window < diagonal(t) ? diagonal(t) - window : 0; }
  // visible(t) before clamping to 0..keys.
  Index diagonal(Index t) const { return causal ? t + 1 + keys - queries + shift : keys; }

  const T* keys_at(Index b, Index h) const { return k.at(b, h / group); }
  const T* values_at(Index b, Index h) const { return v.at(b, h / group); }
};

// Given dz, and z, largest and inverse from the forward pass (derivation in reference/attention.h):
//   dv = drop(p)^T dz,  dp = drop(dz v^T),  ds = p (dp - rowsum(dz z)),  dq = scale ds k,  dk = scale ds^T q
// Overwrites dq, dk and dv, and stores ds in a non-null dbias [B,H,T,S]. dq, dk and dv may be q, k and v themselves
// (same data and strides); no other arrays may overlap.
template <class T>
struct AttentionBackward {
  Attention<T> forward;
  Matrices<const T> dz;
  Matrices<T> dq, dk, dv;
  T* dbias = nullptr;

  // Row t of dbias, starting at key s; null without dbias.
  T* dbias_at(Index b, Index h, Index t, Index s) const {
    return dbias ? dbias + ((b * forward.heads + h) * forward.queries + t) * forward.keys + s : nullptr;
  }
};

}  // namespace headlight::kernels
