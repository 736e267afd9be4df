// Tests of the recurrent layers: PyTorch's values, gradients, the state between calls, single steps.
#include "headlight/nn/recurrent.h"

#include <cmath>

#include "headlight/autograd/tape.h"
#include "nn/layers.h"

namespace headlight::tests {
namespace {

constexpr RecurrentKind kKinds[] = {RecurrentKind::kRnn, RecurrentKind::kGru, RecurrentKind::kLstm};

class RecurrentLayer : public ::testing::TestWithParam<RecurrentKind> {
  const DTypeScope doubles_{DType::kFloat64};
};

INSTANTIATE_TEST_SUITE_P(Kinds, RecurrentLayer, ::testing::ValuesIn(kKinds), [](const auto& one) {
  return one.param == RecurrentKind::kRnn ? "rnn" : one.param == RecurrentKind::kGru ? "gru" : "lstm";
});

Tensor numbers(const Shape& shape, std::uint64_t seed) { return random_tensor(shape, seed, DType::kFloat64); }

TEST_P(RecurrentLayer, ParametersStartAsInPyTorch) {
  seed_generator(3);
  const Recurrent layer(GetParam(), 5, 16);
  const Index n = GetParam() == RecurrentKind::kRnn ? 16 : GetParam() == RecurrentKind::kGru ? 48 : 64;
  EXPECT_EQ(walk_text(layer),
            cat("weight_ih [", n, ",5], weight_hh [", n, ",16], bias_ih [", n, "], bias_hh [", n, "]"));
  for (const NamedTensor& p : layer.parameters()) {
    double largest = 0;
    for (const double x : p.value.to_vector()) largest = std::max(largest, std::abs(x));
    EXPECT_LE(largest, 0.25) << p.name;
    EXPECT_GT(largest, 0.2) << p.name;
  }
}

TEST_P(RecurrentLayer, GradientsAreRight) {
  const Recurrent layer(GetParam(), 3, 4);
  randomize(layer, 4);
  EXPECT_TRUE(
      gradients_are_right(layer, [&](std::span<const Tensor> in) { return layer(in[0]); }, {numbers({2, 3, 3}, 5)}));
  // Gradients from an initial state through two calls, including those of the final state.
  const auto twice = [&](std::span<const Tensor> in) {
    RecurrentState state{in[1], GetParam() == RecurrentKind::kLstm ? in[2] : Tensor()};
    layer(in[0], &state);
    const Tensor h = layer(in[0], &state);
    Tensor all = concat({h, reshape(state.h, {2, 1, 4})}, 1);
    if (state.c.defined()) all = concat({all, reshape(state.c, {2, 1, 4})}, 1);
    return all;
  };
  std::vector<Tensor> inputs{numbers({2, 3, 3}, 6), numbers({2, 4}, 7)};
  if (GetParam() == RecurrentKind::kLstm) inputs.push_back(numbers({2, 4}, 8));
  EXPECT_TRUE(gradients_are_right(layer, twice, inputs));
}

TEST_P(RecurrentLayer, StepsEqualTheWholeSequence) {
  const Recurrent layer(GetParam(), 3, 40);
  randomize(layer, 9);
  const Tensor x = numbers({2, 6, 3}, 10), whole = layer(x);
  RecurrentState state;
  for (Index t = 0; t < 6; ++t) {
    const Tensor h = layer.step(reshape(slice(x, 1, t, t + 1), {2, 3}), state);
    EXPECT_LT(distance(h, reshape(slice(whole, 1, t, t + 1), {2, 40})), 1e-12) << t;
  }
  // A sequence without steps leaves the state unchanged.
  const Tensor h = state.h;
  EXPECT_EQ(to_text(layer(slice(x, 1, 0, 0), &state).shape()), "[2,0,40]");
  EXPECT_TRUE(same_bits(state.h, h));
}

TEST_P(RecurrentLayer, DetachedStateEndsTheGradient) {
  const Recurrent layer(GetParam(), 3, 4);
  Tape tape;
  RecurrentState state;
  layer(numbers({2, 3, 3}, 11), &state);
  EXPECT_TRUE(state.h.requires_grad());
  state = state.detach();
  EXPECT_FALSE(state.h.requires_grad());
  EXPECT_EQ(state.c.defined(), GetParam() == RecurrentKind::kLstm);
  EXPECT_FALSE(state.c.defined() && state.c.requires_grad());
}

TEST_P(RecurrentLayer, BadInputsAreNamed) {
  const Recurrent layer(GetParam(), 3, 4);
  EXPECT_NE(error_of([&] { layer(numbers({2, 3}, 1)); }).find("x is [2,"), std::string::npos);
  EXPECT_NE(error_of([&] { layer(numbers({2, 3, 4}, 1)); }).find("linear: input sizes differ"), std::string::npos);
  RecurrentState state;
  EXPECT_NE(error_of([&] { layer.step(numbers({2, 1, 3}, 1), state); }).find("[2,1,3]"), std::string::npos);
  layer.step(numbers({2, 3}, 1), state);
  EXPECT_NE(error_of([&] { layer.step(numbers({5, 3}, 1), state); }).find("h0 is [2,4]"), std::string::npos);
}

// Expected: the weighted sums of the last state of torch.nn.RNN, GRU and LSTM (2.15, float64). Parameter j, in the
// order of parameters(), is sin(j) / 2; input j is cos(j).
TEST(RecurrentLayers, ValuesArePyTorchs) {
  const DTypeScope doubles(DType::kFloat64);
  const double right[] = {-6.991235171613329, -1.3098812654216525, 1.1519966906162216};
  for (const RecurrentKind kind : kKinds) {
    Recurrent layer(kind, 3, 4);
    double j = 0;
    for (NamedTensor& p : layer.parameters())
      for (double *x = p.value.data<double>(), *end = x + p.value.numel(); x != end; ++x) *x = std::sin(j++) / 2;
    Tensor x = Tensor::zeros({2, 5, 3});
    for (Index i = 0; i < x.numel(); ++i) x.data<double>()[i] = std::cos(static_cast<double>(i));
    const Tensor h = layer(x);
    double sum = 0;
    for (Index b = 0; b < 2; ++b)
      for (Index c = 0; c < 4; ++c) sum += static_cast<double>(1 + b + 2 * c) * h.at({b, 4, c});
    EXPECT_NEAR(sum, right[static_cast<int>(kind)], 1e-12);
  }
}

}  // namespace
}  // namespace headlight::tests
