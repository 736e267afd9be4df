// What the attention kernels are given. For each of `batches` x `heads`, with q [T,D], k [S,D], v [S,E]:
//
//   s = scale q k^T + bias     [T,S]    never stored as a whole
//   p = softmax(s)             [T,S]    over the keys that the mask and causality leave
//   z = drop(p) v              [T,E]
//   largest = max s, inverse = 1 / sum exp(s - largest)   [T]   for the backward pass: p = exp(s - largest) inverse
//
// (One number, log sum exp s, would do as well in exact arithmetic; rounded, it loses the sum when s is far from 0.)
//
// Every matrix is given by the distances in elements from one batch, head and row to the next; its columns lie side by
// side. So queries, keys and values are read where they are: in [B,H,T,D], or packed in one [B,T,3HD].
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
  T *largest = nullptr, *inverse = nullptr;  // [B,H,T]; of a query that sees nothing but -inf: +inf and 0, so p is 0
  T scale = 1;
  bool causal = false;       // query t sees keys 0 .. t + S - T; needs S >= T
  Matrices<const T> mask{};  // [T,S], 0 where a query may not see a key; null data for none
  Matrices<const T> bias{};  // [T,S]; null data for none
  // Dropout of element i = ((b H + h) T + t) S + s, as Table::dropout does it; a threshold of 0 for none.
  std::uint64_t dropout_key = 0;
  std::uint32_t dropout_threshold = 0;
  T dropout_scale = 1;

  // How many keys query t may see as far as causality goes.
  Index visible(Index t) const { return causal ? t + 1 + keys - queries : keys; }
};

// With dz given, z, largest and inverse from the forward pass:
//   dv = drop(p)^T dz,  dp = drop(dz v^T),  ds = p (dp - rowsum(dz z)),  dq = scale ds k,  dk = scale ds^T q
// (rowsum(dz z) is rowsum(p dp), for z = sum of drop(p) v.) dq, dk and dv are overwritten; dbias [B,H,T,S] too, with ds,
// unless null.
template <class T>
struct AttentionBackward {
  Attention<T> forward;
  Matrices<const T> dz;
  Matrices<T> dq, dk, dv;
  T* dbias = nullptr;

  // Row t of dbias from key s on.
  T* dbias_at(Index b, Index h, Index t, Index s) const {
    return dbias ? dbias + ((b * forward.heads + h) * forward.queries + t) * forward.keys + s : nullptr;
  }
};

}  // namespace headlight::kernels
