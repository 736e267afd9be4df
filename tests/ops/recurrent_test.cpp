// Tests that the recurrent operations equal the same formulas composed of other operations: values and gradients.
#include <gtest/gtest.h>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

enum class Kind { kRnn, kGru, kLstm };
Index gates_of(Kind kind) { return kind == Kind::kRnn ? 1 : kind == Kind::kGru ? 3 : 4; }

// The states after all steps, with the last cell appended as one more step.
Tensor joined(const Tensor& h, const Tensor& cell) { return concat({h, reshape(cell, {h.size(0), 1, h.size(2)})}, 1); }

// Inputs: x, w, bias, h0 and (LSTM) c0.
Tensor fused(Kind kind, Inputs in) {
  if (kind == Kind::kRnn) return rnn(in[0], in[1], in[2], in[3]);
  if (kind == Kind::kGru) return gru(in[0], in[1], in[2], in[3]);
  Tensor cell;
  const Tensor h = lstm(in[0], in[1], in[2], in[3], in[4], &cell);
  return joined(h, cell);
}

Tensor composite(Kind kind, Inputs in) {
  const Tensor& w = in[1];
  const Index units = w.size(1), steps = in[0].size(1);
  Tensor h = in[3], c = kind == Kind::kLstm ? in[4] : Tensor();
  std::vector<Tensor> states;
  for (Index t = 0; t < steps; ++t) {
    const Tensor x = reshape(slice(in[0], 1, t, t + 1), {h.size(0), w.size(0)}), p = linear(h, w, in[2]);
    const auto of = [&](const Tensor& gates, Index i) { return slice(gates, 1, i * units, (i + 1) * units); };
    if (kind == Kind::kRnn) {
      h = tanh(x + p);
    } else if (kind == Kind::kGru) {
      const Tensor r = sigmoid(of(x, 0) + of(p, 0)), z = sigmoid(of(x, 1) + of(p, 1));
      const Tensor n = tanh(of(x, 2) + r * of(p, 2));
      h = (1 - z) * n + z * h;
    } else {
      const Tensor sum = x + p;
      const Tensor i = sigmoid(of(sum, 0)), f = sigmoid(of(sum, 1)), g = tanh(of(sum, 2)), o = sigmoid(of(sum, 3));
      c = f * c + i * g;
      h = o * tanh(c);
    }
    states.push_back(reshape(h, {h.size(0), 1, units}));
  }
  const Tensor all = concat(states, 1);
  return kind == Kind::kLstm ? joined(all, c) : all;
}

std::vector<Tensor> draw_inputs(Kind kind, Rng& rng, Index batch, Index steps, Index units) {
  const Index n = gates_of(kind) * units;
  std::vector<Tensor> inputs{draw_values(rng, {batch, steps, n}), draw_values(rng, {n, units}, -0.3, 0.3),
                             draw_values(rng, {n}, -0.5, 0.5), draw_values(rng, {batch, units}, -1, 1)};
  if (kind == Kind::kLstm) inputs.push_back(draw_values(rng, {batch, units}, -1, 1));
  return inputs;
}

class Recurrent : public ::testing::TestWithParam<Kind> {};

TEST_P(Recurrent, EqualsItsComposite) {
  const Kind kind = GetParam();
  Rng rng(21);
  // 33 and more units: whole panels of columns and a remainder. 30 sequences: more than one part of the batch.
  const Index sizes[][3] = {{1, 1, 1}, {2, 3, 4}, {3, 1, 5}, {1, 6, 33}, {30, 4, 5}, {5, 7, 32}, {4, 3, 50}};
  for (const auto& s : sizes) {
    const auto inputs = draw_inputs(kind, rng, s[0], s[1], s[2]);
    for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
      const std::vector<Tensor> numbers = inputs_in({inputs, nullptr}, dtype);
      EXPECT_TRUE(near(evaluate([&](Inputs in) { return fused(kind, in); }, numbers),
                       evaluate([&](Inputs in) { return composite(kind, in); }, numbers),
                       dtype == DType::kFloat64 ? 1e-12 : 2e-5))
          << to_text(dtype) << ", shapes " << shapes_text(inputs);
    }
  }
}

TEST_P(Recurrent, UndefinedBiasAndStateAreZeros) {
  const Kind kind = GetParam();
  Rng rng(22);
  std::vector<Tensor> inputs = draw_inputs(kind, rng, 3, 4, 5);
  for (std::size_t i = 2; i < inputs.size(); ++i) inputs[i].fill(0);
  const Tensor want = fused(kind, inputs);
  for (std::size_t i = 2; i < inputs.size(); ++i) inputs[i] = Tensor();
  EXPECT_TRUE(same_bits(fused(kind, inputs), want));
}

// A sequence in two parts, the second starting from the state of the first, equals the whole sequence.
TEST_P(Recurrent, StateCarriesASequenceOn) {
  const Kind kind = GetParam();
  Rng rng(23);
  const std::vector<Tensor> inputs = draw_inputs(kind, rng, 2, 9, 40);
  const Tensor whole = fused(kind, inputs);
  for (const Index cut : {0, 1, 5, 8}) {
    std::vector<Tensor> part = inputs;
    part[0] = slice(inputs[0], 1, 0, cut);
    const Tensor first = fused(kind, part);
    if (cut > 0) part[3] = reshape(slice(first, 1, cut - 1, cut), {2, 40});
    if (kind == Kind::kLstm) part[4] = reshape(slice(first, 1, cut, cut + 1), {2, 40});
    part[0] = slice(inputs[0], 1, cut, 9);
    EXPECT_LT(distance(fused(kind, part), slice(whole, 1, cut, whole.size(1))), 1e-12) << "cut at " << cut;
  }
}

// State t depends on the inputs up to t alone.
TEST_P(Recurrent, IsCausal) {
  const Kind kind = GetParam();
  Rng rng(24);
  std::vector<Tensor> inputs = draw_inputs(kind, rng, 2, 6, 7);
  const Tensor before = fused(kind, inputs);
  inputs[0] = concat({slice(inputs[0], 1, 0, 4), draw_values(rng, {2, 2, inputs[0].size(2)})}, 1);
  const Tensor after = fused(kind, inputs);
  EXPECT_TRUE(same_bits(slice(after, 1, 0, 4), slice(before, 1, 0, 4)));
  EXPECT_GT(distance(slice(after, 1, 4, 5), slice(before, 1, 4, 5)), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Recurrent, ::testing::Values(Kind::kRnn, Kind::kGru, Kind::kLstm), [](const auto& one) {
  return one.param == Kind::kRnn ? "rnn" : one.param == Kind::kGru ? "gru" : "lstm";
});

// The gradient of the last cell reaches all inputs when nothing depends on h itself.
TEST(Lstm, GradientOfTheLastCellAlone) {
  Rng rng(25);
  const auto inputs = draw_inputs(Kind::kLstm, rng, 2, 4, 3);
  const auto cell_of = [](const Tensor& states) { return slice(states, 1, states.size(1) - 1, states.size(1)); };
  const auto alone = [](Inputs in) {
    Tensor cell;
    lstm(in[0], in[1], in[2], in[3], in[4], &cell);
    return reshape(cell, {cell.size(0), 1, cell.size(1)});
  };
  const auto want = evaluate([&](Inputs in) { return cell_of(composite(Kind::kLstm, in)); }, inputs);
  EXPECT_TRUE(near(evaluate(alone, inputs), want, 1e-12));
}

}  // namespace
}  // namespace headlight::tests
