// Tests of Linear, norms, Embedding, Dropout and FeedForward: values against plain loops, gradients with gradcheck.
#include <gtest/gtest.h>

#include <cmath>

#include "headlight/autograd/tape.h"
#include "nn/layers.h"

namespace headlight::tests {
namespace {

constexpr const char* kActivations[] = {"gelu", "gelu-erf", "relu", "silu"};

TEST(Linear, IsXTimesTheTransposedWeightPlusBias) {
  const DTypeScope doubles(DType::kFloat64);
  for (const bool bias : {true, false}) {
    Linear layer(3, 4, {.bias = bias});
    randomize(layer, 1);
    EXPECT_EQ(layer.bias.has_value(), bias);
    const Tensor x = random_tensor({2, 5, 3}, 2, DType::kFloat64), y = layer(x);
    EXPECT_EQ(to_text(y.shape()), "[2,5,4]");
    for (Index b = 0; b < 2; ++b)
      for (Index t = 0; t < 5; ++t)
        for (Index o = 0; o < 4; ++o) {
          double right = bias ? layer.bias->value().at({o}) : 0;
          for (Index i = 0; i < 3; ++i) right += x.at({b, t, i}) * layer.weight.value().at({o, i});
          EXPECT_NEAR(y.at({b, t, o}), right, 1e-14);
        }
    EXPECT_TRUE(gradients_are_right(layer, [&](std::span<const Tensor> in) { return layer(in[0]); }, {x}));
  }
}

TEST(Norm, NormalizesTheLastAxis) {
  const DTypeScope doubles(DType::kFloat64);
  for (const std::string kind : {"layer", "rms"}) {
    const double eps = 0.03;  // large enough that the test fails if eps is ignored
    std::unique_ptr<Norm> made = std::make_unique<RMSNorm>(6, eps);
    if (kind == "layer") made = std::make_unique<LayerNorm>(6, eps);
    Norm& norm = *made;
    randomize(norm, 3);
    const NormStep step = *norm.step();
    EXPECT_EQ(step.beta != nullptr, kind == "layer");
    EXPECT_EQ(walk_text(norm), walk_text(*make_norm(kind, 6)));
    const Tensor x = random_tensor({4, 6}, 4, DType::kFloat64), y = norm(x);
    for (Index r = 0; r < 4; ++r) {
      double mean = 0, square = 0;
      for (Index c = 0; c < 6; ++c) mean += x.at({r, c}) / 6;
      if (kind == "rms") mean = 0;
      for (Index c = 0; c < 6; ++c) square += (x.at({r, c}) - mean) * (x.at({r, c}) - mean) / 6;
      for (Index c = 0; c < 6; ++c) {
        const double shift = step.beta ? step.beta->value().at({c}) : 0;
        EXPECT_NEAR(y.at({r, c}), step.gamma->value().at({c}) * (x.at({r, c}) - mean) / std::sqrt(square + eps) + shift,
                    1e-13);
      }
    }
    EXPECT_TRUE(gradients_are_right(norm, [&](std::span<const Tensor> in) { return norm(in[0]); }, {x}));
  }
  EXPECT_EQ(walk_text(LayerNorm(5)), "weight [5], bias [5]");
  EXPECT_EQ(walk_text(RMSNorm(5)), "weight [5]");
}

TEST(Embedding, TakesRows) {
  const DTypeScope doubles(DType::kFloat64);
  const Embedding table(5, 3);
  randomize(table, 5);
  const std::vector<std::int32_t> ids = {4, 0, 4, 1, 2, 4};  // token 3 does not occur, token 4 occurs three times
  const Tensor y = table(ids, {2, 3});
  EXPECT_EQ(to_text(y.shape()), "[2,3,3]");
  for (Index i = 0; i < 6; ++i)
    for (Index c = 0; c < 3; ++c)
      EXPECT_EQ(y.at({i / 3, i % 3, c}), table.weight.value().at({ids[static_cast<std::size_t>(i)], c}));
  EXPECT_TRUE(gradients_are_right(table, [&](std::span<const Tensor>) { return table(ids, {2, 3}); }, {}));
}

TEST(FeedForward, IsDownOfTheActivationOfUp) {
  const DTypeScope doubles(DType::kFloat64);
  const Tensor x = random_tensor({2, 3, 4}, 6, DType::kFloat64);
  for (const std::string kind : kActivations) {
    const Mlp ff({.width = 4, .hidden = 7, .activation = kind});
    randomize(ff, 7);
    const Tensor h = (*ff.up)(x), y = ff(x);
    std::vector<double> activated = h.to_vector();
    for (double& v : activated) {
      const double inner = std::sqrt(2 / 3.14159265358979323846) * (v + 0.044715 * v * v * v);
      v = kind == "relu"       ? std::max(v, 0.0)
          : kind == "silu"     ? v / (1 + std::exp(-v))
          : kind == "gelu-erf" ? 0.5 * v * (1 + std::erf(v / std::sqrt(2.0)))
                               : 0.5 * v * (1 + std::tanh(inner));
    }
    EXPECT_LT(distance(y, (*ff.down)(Tensor::of(h.shape(), activated))), 1e-13);
    EXPECT_TRUE(gradients_are_right(
        ff, [&](std::span<const Tensor> in) { return ff(in[0]); }, {x}, kind == "relu" ? 1e-5 : 1e-4))
        << kind;
  }
}

// ---- dropout ----

TEST(Dropout, OnlyWhileATapeIsAlive) {
  const Dropout drop(0.4);
  const Tensor x = Tensor::full({50, 40}, 3);
  const Rng::State before = generator().state();
  EXPECT_TRUE(same_bits(drop(x), x));
  EXPECT_EQ(generator().state(), before);  // without a tape, no random number is drawn
  Tape tape;
  const Tensor y = drop(x);
  Index zeros = 0;
  for (const double v : y.to_vector()) {
    zeros += v == 0;
    EXPECT_TRUE(v == 0 || v == static_cast<double>(3 * static_cast<float>(1 / 0.6))) << v;
  }
  EXPECT_NEAR(static_cast<double>(zeros) / 2000, 0.4, 0.055);  // 5 standard errors
  const NoGrad evaluation;
  EXPECT_TRUE(same_bits(drop(x), x));
}

TEST(Dropout, DependsOnTheSeedAlone) {
  const Dropout drop(0.5);
  const Tensor x = random_tensor({300}, 8);
  const Tape tape;
  seed_generator(1);
  const Tensor first = drop(x), second = drop(x);
  seed_generator(1);
  EXPECT_TRUE(same_bits(drop(x), first));
  EXPECT_FALSE(same_bits(second, first));
  seed_generator(2);
  EXPECT_FALSE(same_bits(drop(x), first));
}

TEST(Dropout, OfZeroIsTheIdentityAndDrawsNothing) {
  const Tensor x = random_tensor({30}, 9);
  const Rng::State before = generator().state();
  const Tape tape;
  EXPECT_TRUE(same_bits(Dropout(0)(x), x));
  EXPECT_EQ(generator().state(), before);
}

TEST(Dropout, ProbabilityOutsideItsRangeIsAnError) {
  for (const double p : {-0.1, 1.0, std::nan("")}) EXPECT_TRUE(error_of([&] { Dropout{p}; }).starts_with("dropout: "));
}

TEST(Dropout, LeavesTheResidualAlone) {
  const DTypeScope doubles(DType::kFloat64);
  const Tensor x = random_tensor({2, 3, 4}, 11, DType::kFloat64),
               residual = random_tensor({2, 3, 4}, 12, DType::kFloat64);
  const Mlp ff({.width = 4, .hidden = 7, .dropout = 0.5});
  const MultiHeadAttention attention(4, 2, {.dropout = 0.5, .in = {}, .out = {}});
  randomize(ff, 13);
  randomize(attention, 14);
  const Tape tape;
  seed_generator(1);
  const Tensor dropped = ff(x), seen = attention(x);
  seed_generator(1);
  EXPECT_TRUE(same_bits(ff(x, residual), add(residual, dropped)));
  EXPECT_TRUE(same_bits(attention(x, {}, nullptr, residual), add(residual, seen)));
}

TEST(Dropout, ActsInEveryPlaceOfATransformerDuringTrainingAlone) {
  const DTypeScope doubles(DType::kFloat64);
  TransformerConfig c = tiny_config();
  c.dropout = 0.3;
  const TransformerLM model(c);
  randomize(model, 10);
  const std::vector<std::int32_t> ids = random_ids(12, 7, 2);
  const Tensor evaluated = model(ids, 2);
  EXPECT_TRUE(same_bits(model(ids, 2), evaluated));
  std::vector<double> mean(evaluated.to_vector().size(), 0);
  {
    const Tape tape;
    seed_generator(1);
    const Tensor a = model(ids, 2), b = model(ids, 2);
    EXPECT_GT(distance(a, evaluated), 1e-3);
    EXPECT_GT(distance(a, b), 1e-3);
    seed_generator(1);
    EXPECT_TRUE(same_bits(model(ids, 2), a));
    // The model draws one number for the embeddings and three in each block: for the attention weights, the heads'
    // output and the feed-forward layer.
    Rng expected(1);
    for (int i = 0; i < 1 + 2 * 3; ++i) expected.next();
    seed_generator(1);
    static_cast<void>(model(ids, 2));
    EXPECT_EQ(generator().state(), expected.state());
  }
  EXPECT_TRUE(gradients_are_right(model, [&](std::span<const Tensor>) { return model(ids, 2); }, {}));
}

}  // namespace
}  // namespace headlight::tests
