// Attention heads set by hand: each is a program, written as three matrices.
//
// The input is a line of T symbols out of V. Position t is the vector x_t = [symbol | position]: a 1 at the symbol, a 1
// at V + t, and 0 elsewhere. So W[V + t] is the row that position t contributes to x W, and W[v] the row of symbol v.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "headlight/nn/self_attention.h"

namespace headlight::lessons {

// The weights of a head, [C,D] each, with C = V + T and D = T.
struct Head {
  Tensor w_q, w_k, w_v;
};

// x [T,C] of a line of symbols 0 .. V-1.
inline Tensor one_hot(std::span<const std::int32_t> line, Index symbols) {
  const Index t_count = static_cast<Index>(line.size());
  Tensor x = Tensor::zeros({t_count, symbols + t_count});
  float* row = x.data<float>();
  for (Index t = 0; t < t_count; ++t, row += symbols + t_count)
    row[line[static_cast<std::size_t>(t)]] = row[symbols + t] = 1;
  return x;
}

// A head that attends from each position t to the position target(t):
//   key    of position s: e_s, the unit vector s. The key encodes the position.
//   query  of position t: e_target(t), times a factor. The query selects the position to read. Its score is `sharpness`
//          for the key at target(t) and 0 for all other keys; the factor cancels the division by sqrt(D) in
//          self_attention().
//   value  of position s: e_symbol. The value encodes the symbol.
// The weight of the target among n visible keys is e^sharpness / (e^sharpness + n - 1). At 0 all weights are equal; at
// 128 the other weights are e^-128, which is 0 in float32, so the head is exact.
template <class Target>
Head head_that_reads(Index symbols, Index t_count, double sharpness, const Target& target) {
  const Shape shape{symbols + t_count, t_count};
  Head head{Tensor::zeros(shape), Tensor::zeros(shape), Tensor::zeros(shape)};
  const double factor = sharpness * std::sqrt(static_cast<double>(t_count));
  float *q = head.w_q.data<float>(), *k = head.w_k.data<float>(), *v = head.w_v.data<float>();
  for (Index t = 0; t < t_count; ++t) {
    q[(symbols + t) * t_count + target(t)] = static_cast<float>(factor);
    k[(symbols + t) * t_count + t] = 1;
  }
  for (Index symbol = 0; symbol < symbols; ++symbol) v[symbol * t_count + symbol] = 1;
  return head;
}

// The two programs. Position 0 has no previous symbol: only key 0 is visible, and a softmax cannot read nothing.
inline Index previous_position(Index t) { return t > 0 ? t - 1 : 0; }
inline Index first_position(Index /*t*/) { return 0; }

}  // namespace headlight::lessons
