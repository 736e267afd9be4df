// Exercise 2: one step of an LSTM, forward and backward by hand. Replace both lines that throw NotWritten, then run
// `make exercise N=2`.
//
// C is the width of the state, N the length of the input. All matrices are row-major. The gates are stacked in the order
// i, f, g, o (input gate, forget gate, candidate, output gate): row j of the forget gate is row C + j of w, u and b.
#pragma once

#include <cmath>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

using Vector = std::vector<double>;

struct LstmWeights {
  std::size_t input, width;  // N, C
  Vector w;                  // [4C,N], multiplies the input x
  Vector u;                  // [4C,C], multiplies the state h before the step
  Vector b;                  // [4C]
};

// One step of one sequence: its input, the state before it, and everything that it computed.
struct LstmStep {
  Vector x, h_before, c_before;  // [N], [C], [C]
  Vector i, f, g, o;             // [C], after sigmoid (i, f, o) or tanh (g)
  Vector c, h;                   // [C], the cell and the state after the step
};

// The derivatives of a loss L with respect to everything that enters the step.
struct LstmGradients {
  Vector dx, dh_before, dc_before;  // [N], [C], [C]
  Vector dw, du, db;                // shaped as w, u, b: the part of this step
};

// Computes a step:
//
//   i = sigmoid(W_i x + U_i h_before + b_i)      c = f * c_before + i * g
//   f = sigmoid(W_f x + U_f h_before + b_f)      h = o * tanh(c)
//   g = tanh   (W_g x + U_g h_before + b_g)
//   o = sigmoid(W_o x + U_o h_before + b_o)      * is elementwise
//
// Example: with all weights 0, every gate is 0.5 and g is 0, so c = c_before / 2.
inline LstmStep lstm_forward(const LstmWeights& weights, const Vector& x, const Vector& h_before,
                             const Vector& c_before) {
  throw NotWritten("lstm_forward: z = w x + u h_before + b, then i = sigmoid(z[0 .. C-1])");
}

// Goes back through a step. dh and dc [C] are dL/dh and dL/dc along the paths outside this step: through later steps
// and the loss. (c also acts on the loss through h = o * tanh(c) of this step. That path is not part of dc: add it
// here.)
inline LstmGradients lstm_backward(const LstmWeights& weights, const LstmStep& step, const Vector& dh,
                                   const Vector& dc) {
  throw NotWritten("lstm_backward: the whole derivative by c, dc + dh * o * (1 - tanh(c)^2)");
}

}  // namespace headlight::exercise
