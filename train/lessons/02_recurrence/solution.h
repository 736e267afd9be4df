// Exercise 2, solved: one step of an LSTM, forward and backward by hand. exercise.h has the contract.
#pragma once

#include <cmath>
#include <vector>

#include "lessons/exercise_check.h"

namespace headlight::exercise {

using Vector = std::vector<double>;

struct LstmWeights {
  std::size_t input, width;  // N, C
  Vector w, u, b;            // [4C,N], [4C,C], [4C]
};

struct LstmStep {
  Vector x, h_before, c_before;  // [N], [C], [C]
  Vector i, f, g, o, c, h;       // [C]
};

struct LstmGradients {
  Vector dx, dh_before, dc_before;  // [N], [C], [C]
  Vector dw, du, db;                // shaped as w, u, b
};

inline LstmStep lstm_forward(const LstmWeights& weights, const Vector& x, const Vector& h_before,
                             const Vector& c_before) {
  const std::size_t n = weights.input, width = weights.width;
  // Row `row` of w x + u h_before + b.
  const auto z = [&](std::size_t row) {
    double sum = weights.b[row];
    for (std::size_t k = 0; k < n; ++k) sum += weights.w[row * n + k] * x[k];
    for (std::size_t k = 0; k < width; ++k) sum += weights.u[row * width + k] * h_before[k];
    return sum;
  };
  const auto sigmoid = [](double value) { return 1 / (1 + std::exp(-value)); };
  LstmStep step;
  step.x = x;
  step.h_before = h_before;
  step.c_before = c_before;
  for (std::size_t j = 0; j < width; ++j) {
    step.i.push_back(sigmoid(z(j)));
    step.f.push_back(sigmoid(z(width + j)));
    step.g.push_back(std::tanh(z(2 * width + j)));
    step.o.push_back(sigmoid(z(3 * width + j)));
    step.c.push_back(step.f[j] * c_before[j] + step.i[j] * step.g[j]);
    step.h.push_back(step.o[j] * std::tanh(step.c[j]));
  }
  return step;
}

inline LstmGradients lstm_backward(const LstmWeights& weights, const LstmStep& step, const Vector& dh,
                                   const Vector& dc) {
  const std::size_t n = weights.input, width = weights.width;
  LstmGradients d{.dx = Vector(n),
                  .dh_before = Vector(width),
                  .dc_before = Vector(width),
                  .dw = Vector(4 * width * n),
                  .du = Vector(4 * width * width),
                  .db = Vector(4 * width)};
  // 1. From h and c to the sums before the gates' functions. db is the derivative with respect to these sums.
  for (std::size_t j = 0; j < width; ++j) {
    const double i = step.i[j], f = step.f[j], g = step.g[j], o = step.o[j], t = std::tanh(step.c[j]);
    const double cell = dc[j] + dh[j] * o * (1 - t * t);
    d.db[j] = cell * g * i * (1 - i);
    d.db[width + j] = cell * step.c_before[j] * f * (1 - f);
    d.db[2 * width + j] = cell * i * (1 - g * g);
    d.db[3 * width + j] = dh[j] * t * o * (1 - o);
    d.dc_before[j] = cell * f;
  }
  // 2. From the sums to what they multiply: outer products for the matrices, transposed products for x and h_before.
  for (std::size_t row = 0; row < 4 * width; ++row) {
    for (std::size_t k = 0; k < n; ++k) {
      d.dw[row * n + k] = d.db[row] * step.x[k];
      d.dx[k] += weights.w[row * n + k] * d.db[row];
    }
    for (std::size_t k = 0; k < width; ++k) {
      d.du[row * width + k] = d.db[row] * step.h_before[k];
      d.dh_before[k] += weights.u[row * width + k] * d.db[row];
    }
  }
  return d;
}

}  // namespace headlight::exercise
