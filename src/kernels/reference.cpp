// The reference table: collects the kernels of reference/, for float and double, and selects the table of an ISA.
#include "kernels/kernels.h"
#include "kernels/reference/attention.h"
#include "kernels/reference/elementwise.h"
#include "kernels/reference/gemm.h"
#include "kernels/reference/gemm_bf16.h"
#include "kernels/reference/matvec.h"
#include "kernels/reference/norm.h"
#include "kernels/reference/recurrent.h"
#include "kernels/reference/reduce.h"
#include "kernels/reference/rows.h"

namespace headlight::kernels {

namespace {

template <class T>
Table<T> make_table() {
  Table<T> t{};
  t.name = "reference";
  t.gemm = reference::gemm<T>;
  t.gemm_bf16 = reference::gemm_bf16<T>;
  t.matvec = reference::matvec<T>;
  t.matvec_int8 = reference::matvec_int8<T>;
  t.matvec_bf16 = reference::matvec_bf16<T>;
  t.vecmat = reference::vecmat<T>;
  t.unary = reference::unary<T>;
  t.unary_backward = reference::unary_backward<T>;
  t.unary_with_slope = reference::unary_with_slope<T>;
  t.binary = reference::binary<T>;
  t.accumulate = reference::accumulate<T>;
  t.scale = reference::scale<T>;
  t.multiply_add = reference::multiply_add<T>;
  t.dropout = reference::dropout<T>;
  t.rotate = reference::rotate<T>;
  t.sum_axis = reference::sum_axis<T>;
  t.max_axis = reference::max_axis<T>;
  t.softmax_row = reference::softmax_row<T>;
  t.softmax_backward_row = reference::softmax_backward_row<T>;
  t.logsumexp_row = reference::logsumexp_row<T>;
  t.log_softmax_row = reference::log_softmax_row<T>;
  t.log_softmax_backward_row = reference::log_softmax_backward_row<T>;
  t.cross_entropy_backward_row = reference::cross_entropy_backward_row<T>;
  t.layer_norm = reference::layer_norm<T>;
  t.layer_norm_backward = reference::layer_norm_backward<T>;
  t.rms_norm = reference::rms_norm<T>;
  t.rms_norm_backward = reference::rms_norm_backward<T>;
  t.lstm_gates = reference::lstm_gates<T>;
  t.lstm_gates_backward = reference::lstm_gates_backward<T>;
  t.gru_gates = reference::gru_gates<T>;
  t.gru_gates_backward = reference::gru_gates_backward<T>;
  t.attention = reference::attention<T>;
  t.attention_backward = reference::attention_backward<T>;
  t.sum_squares = reference::sum_squares<T>;
  t.adamw = reference::adamw<T>;
  t.nesterov = reference::nesterov<T>;
  t.transpose = reference::transpose<T>;
  return t;
}

}  // namespace

const Table<float>& float_reference() {
  static const Table<float> t = make_table<float>();
  return t;
}

const Table<double>& double_reference() {
  static const Table<double> t = make_table<double>();
  return t;
}

const Table<float>& table(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return float_reference();
    case Isa::kPortable:
      return portable_table();
    case Isa::kAvx2:
      return avx2_table();
    case Isa::kAvx512:
      return avx512_table();
    case Isa::kAvx512Bf16:
      return avx512_bf16_table();
  }
  return float_reference();
}

}  // namespace headlight::kernels
