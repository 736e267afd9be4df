// Builds the kernel table for a vector type V. Exactly one source file instantiates simd_table() for each V.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd/attention.h"
#include "kernels/simd/elementwise.h"
#include "kernels/simd/gemm_bf16.h"
#include "kernels/simd/gemm_threads.h"
#include "kernels/simd/matvec.h"
#include "kernels/simd/norm.h"
#include "kernels/simd/recurrent.h"
#include "kernels/simd/reduce.h"
#include "kernels/simd/rows.h"

namespace headlight::kernels {

template <class V>
constexpr Table<float> simd_table() {
  Table<float> t{};
  t.name = V::kName;
  t.gemm = simd_gemm<V>;
  t.gemm_bf16 = simd_gemm_bf16<V>;
  t.matvec = simd_matvec<V>;
  t.matvec_int8 = simd_matvec_int8<V>;
  t.matvec_bf16 = simd_matvec_bf16<V>;
  t.vecmat = simd_vecmat<V>;
  t.unary = simd_unary<V>;
  t.unary_backward = simd_unary_backward<V>;
  t.unary_with_slope = simd_unary_with_slope<V>;
  t.binary = simd_binary<V>;
  t.accumulate = simd_accumulate<V>;
  t.scale = simd_scale<V>;
  t.multiply_add = simd_multiply_add<V>;
  t.dropout = simd_dropout<V>;
  t.rotate = simd_rotate<V>;
  t.sum_axis = simd_sum_axis<V>;
  t.max_axis = simd_max_axis<V>;
  t.softmax_row = simd_softmax_row<V>;
  t.softmax_backward_row = simd_softmax_backward_row<V>;
  t.logsumexp_row = simd_logsumexp_row<V>;
  t.log_softmax_row = simd_log_softmax_row<V>;
  t.log_softmax_backward_row = simd_log_softmax_backward_row<V>;
  t.cross_entropy_backward_row = simd_cross_entropy_backward_row<V>;
  t.layer_norm = simd_layer_norm<V>;
  t.layer_norm_backward = simd_layer_norm_backward<V>;
  t.rms_norm = simd_rms_norm<V>;
  t.rms_norm_backward = simd_rms_norm_backward<V>;
  t.lstm_gates = simd_lstm_gates<V>;
  t.lstm_gates_backward = simd_lstm_gates_backward<V>;
  t.gru_gates = simd_gru_gates<V>;
  t.gru_gates_backward = simd_gru_gates_backward<V>;
  t.attention = simd_attention<V>;
  t.attention_backward = simd_attention_backward<V>;
  t.sum_squares = simd_sum_squares<V>;
  t.adamw = simd_adamw<V>;
  t.nesterov = simd_nesterov<V>;
  t.transpose = simd_transpose<V>;
  return t;
}

}  // namespace headlight::kernels
