// Recurrent layers: Rnn (Elman 1990), Gru (Cho et al. 2014), Lstm (Hochreiter, Schmidhuber 1997). x [B,T,in] ->
// [B,T,C]: the state after each step. Parameters, gate order and initial values are those of PyTorch's nn.RNN, nn.GRU
// and nn.LSTM with one layer.
//
//   Lstm layer(in, width);
//   RecurrentState state;                       // zeros
//   Tensor h = layer(x, &state);                // starts from the state, and replaces it by the state after step T
//   Tensor next = layer.step(x_next, state);    // one more step: [B,in] -> [B,C], in constant time
//
// A state carries gradients. Detach it before the next training window uses it.
#pragma once

#include <cmath>

#include "headlight/nn/module.h"
#include "headlight/ops/ops.h"

namespace headlight {

enum class RecurrentKind { kRnn, kGru, kLstm };

// The state that a layer carries from step to step. Undefined tensors are zeros.
struct RecurrentState {
  Tensor h;  // [B,C]
  Tensor c;  // [B,C], the cell of an LSTM

  // The same numbers without gradients.
  RecurrentState detach() const { return {h.defined() ? h.detach() : Tensor(), c.defined() ? c.detach() : Tensor()}; }
};

// A recurrent layer whose kind is chosen at run time.
class Recurrent : public Module {
 public:
  Recurrent(RecurrentKind kind, Index in, Index width)
      : weight_ih{this, "weight_ih", {gates(kind) * width, in}, initial(width)},
        weight_hh{this, "weight_hh", {gates(kind) * width, width}, initial(width)},
        bias_ih{this, "bias_ih", {gates(kind) * width}, initial(width)},
        bias_hh{this, "bias_hh", {gates(kind) * width}, initial(width)},
        kind_(kind) {}

  // Starts from *state, and stores the state after the last step there; null: starts from zeros.
  // Errors: x is not [B,T,in]; the state is not [B,C].
  Tensor operator()(const Tensor& x, RecurrentState* state = nullptr) const {
    const RecurrentState from = state ? *state : RecurrentState();
    const Tensor gates_x = linear(x, weight_ih, bias_ih);  // [B,T,GC], one product for all steps
    if (kind_ == RecurrentKind::kRnn) return finish(rnn(gates_x, weight_hh, bias_hh, from.h), state);
    if (kind_ == RecurrentKind::kGru) return finish(gru(gates_x, weight_hh, bias_hh, from.h), state);
    return finish(lstm(gates_x, weight_hh, bias_hh, from.h, from.c, state ? &state->c : nullptr), state);
  }

  // One step: x [B,in] -> [B,C].
  Tensor step(const Tensor& x, RecurrentState& state) const {
    if (x.rank() != 2) fail("recurrent step: x is ", x.shape(), "; pass [B,in]");
    (*this)(reshape(x, {x.size(0), 1, x.size(1)}), &state);
    return state.h;
  }

  Index width() const { return weight_hh.value().size(1); }

  Param weight_ih;         // [GC,in]; G is 1, 3 (r, z, n) or 4 (i, f, g, o)
  Param weight_hh;         // [GC,C]
  Param bias_ih, bias_hh;  // [GC]

 private:
  static Index gates(RecurrentKind kind) {
    return kind == RecurrentKind::kRnn ? 1 : kind == RecurrentKind::kGru ? 3 : 4;
  }
  static Init initial(Index width) { return Init::uniform(1 / std::sqrt(static_cast<double>(width))); }

  // Stores the last of the states h in *state; without steps, *state does not change.
  static Tensor finish(const Tensor& h, RecurrentState* state) {
    const Index steps = h.size(1);
    if (state && steps > 0) state->h = reshape(slice(h, 1, steps - 1, steps), {h.size(0), h.size(2)});
    return h;
  }

  RecurrentKind kind_;
};

class Rnn : public Recurrent {
 public:
  Rnn(Index in, Index width) : Recurrent(RecurrentKind::kRnn, in, width) {}
};
class Gru : public Recurrent {
 public:
  Gru(Index in, Index width) : Recurrent(RecurrentKind::kGru, in, width) {}
};
class Lstm : public Recurrent {
 public:
  Lstm(Index in, Index width) : Recurrent(RecurrentKind::kLstm, in, width) {}
};

}  // namespace headlight
