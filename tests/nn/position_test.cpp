// Tests of position encodings: values against the formulas, and the documented properties.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>

#include "nn/layers.h"
#include "nn/position_alibi.h"
#include "nn/position_learned.h"
#include "nn/position_rotary.h"
#include "nn/position_sinusoidal.h"

namespace headlight::tests {
namespace {

struct SeeWeights : Hook {
  Tensor weights;
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind == HookSite::Kind::kAttentionWeights) weights = x;
    return x;
  }
};

TEST(Position, SinusoidsEqualTheirFormula) {
  for (const Index width : {Index{8}, Index{5}}) {  // an odd width ends with a sine
    const Tensor p = SinusoidalPosition::table(9, width, 3, DType::kFloat64);
    EXPECT_EQ(to_text(p.shape()), to_text(Shape{9, width}));
    for (Index t = 0; t < 9; ++t)
      for (Index i = 0; 2 * i < width; ++i) {
        // The angle as the exponent of a complex number: e^(ja) = cos a + j sin a.
        const double frequency = std::exp(-std::log(10000.0) * static_cast<double>(2 * i) / static_cast<double>(width));
        const std::complex<double> rotated = std::polar(1.0, static_cast<double>(t + 3) * frequency);
        EXPECT_NEAR(p.at({t, 2 * i}), rotated.imag(), 1e-13);
        if (2 * i + 1 < width) {
          EXPECT_NEAR(p.at({t, 2 * i + 1}), rotated.real(), 1e-13);
        }
      }
  }
  const Tensor x = random_tensor({2, 4, 6}, 1), y = SinusoidalPosition().embed(x, 5);
  EXPECT_TRUE(same_bits(y, add(x, SinusoidalPosition::table(4, 6, 5))));
}

TEST(Position, LearnedAddsItsRows) {
  const LearnedPosition position(6, 3);
  const Tensor x = random_tensor({2, 4, 3}, 2);
  EXPECT_TRUE(same_bits(position.embed(x, 2), add(x, slice(position.weight, 0, 2, 6))));
  EXPECT_EQ(error_of([&] { position.embed(x, 3); }),
            "position: 6 is outside the learned context of 6; use a shorter sequence");
  EXPECT_EQ(error_of([&] {
              position.embed(Tensor::zeros({1, 7, 3}));
            }),
            "position: 6 is outside the learned context of 6; use a shorter sequence");
  const DTypeScope doubles(DType::kFloat64);
  const LearnedPosition exact(6, 3);
  EXPECT_TRUE(gradients_are_right(exact, [&](std::span<const Tensor> in) { return exact.embed(in[0], 1); },
                                  {random_tensor({2, 4, 3}, 3, DType::kFloat64)}));
}

// The rotation is a complex product: pair i of position t is multiplied by e^(j t base^(-2i/D)).
TEST(Position, RotaryRotatesPairs) {
  const RotaryPosition position(50);
  const Tensor q = random_tensor({2, 3, 4, 6}, 4, DType::kFloat64), rotated = position.rotate(q, 7);
  for (Index b = 0; b < 2; ++b)
    for (Index h = 0; h < 3; ++h)
      for (Index t = 0; t < 4; ++t)
        for (Index i = 0; i < 3; ++i) {
          const double angle = static_cast<double>(t + 7) * std::pow(50.0, -static_cast<double>(2 * i) / 6);
          const std::complex<double> right =
              std::complex<double>(q.at({b, h, t, i}), q.at({b, h, t, i + 3})) * std::polar(1.0, angle);
          EXPECT_NEAR(rotated.at({b, h, t, i}), right.real(), 1e-13);
          EXPECT_NEAR(rotated.at({b, h, t, i + 3}), right.imag(), 1e-13);
        }
}

TEST(Position, RotaryScoresDependOnTheDistanceAlone) {
  const RotaryPosition position;
  const Tensor q = random_tensor({1, 2, 5, 8}, 5, DType::kFloat64), k = random_tensor({1, 2, 5, 8}, 6, DType::kFloat64);
  const auto scores = [&](Index q_offset, Index k_offset) {
    return matmul(position.rotate(q, q_offset), position.rotate(k, k_offset), {.transpose_b = true});
  };
  const Tensor here = scores(0, 0);
  EXPECT_LT(distance(scores(100, 100), here), 1e-12);
  EXPECT_LT(distance(scores(3, 5), scores(0, 2)), 1e-13);
  EXPECT_GT(distance(scores(0, 2), here), 1e-2);
}

TEST(Position, AlibiSlopesAndBias) {
  // The slopes in the paper for 8 heads: 1/2, 1/4, ... 1/256.
  for (Index h = 0; h < 8; ++h) EXPECT_DOUBLE_EQ(AlibiPosition::slope(h, 8), 1 / static_cast<double>(2 << h));
  // 16 heads: the ratio is the square root of 1/2.
  EXPECT_DOUBLE_EQ(AlibiPosition::slope(0, 16), std::sqrt(0.5));
  EXPECT_DOUBLE_EQ(AlibiPosition::slope(15, 16), 1.0 / 256);
  const Tensor bias = AlibiPosition().bias(4, 3, 5, DType::kFloat64);  // the queries are the last 3 of 5 positions
  EXPECT_EQ(to_text(bias.shape()), "[4,3,5]");
  for (Index h = 0; h < 4; ++h)
    for (Index t = 0; t < 3; ++t)
      for (Index s = 0; s < 5; ++s)
        EXPECT_DOUBLE_EQ(bias.at({h, t, s}),
                         std::pow(0.25, static_cast<double>(h + 1)) * static_cast<double>(s - t - 2));
}

// Each kind acts at exactly one of the three places.
TEST(Position, EachKindActsAtOnePlace) {
  const Tensor x = random_tensor({1, 4, 8}, 7), q = random_tensor({1, 2, 4, 8}, 8);
  for (const std::string kind : kPositionKinds) {
    const auto position = make_position(kind, 6, 8);
    const bool embeds = kind == "sinusoidal" || kind == "learned";
    EXPECT_EQ(same_bits(position->embed(x), x), !embeds) << kind;
    EXPECT_EQ(same_bits(position->rotate(q), q), kind != "rotary") << kind;
    EXPECT_EQ(position->bias(2, 4, 4, DType::kFloat32).defined(), kind == "alibi");
    EXPECT_EQ(walk_text(*position), kind == "learned" ? "weight [6,8]" : "");
  }
}

// A rotary encoding that does not override rotate_heads().
class PlainRotary : public PositionEncoding {
 public:
  Tensor rotate(const Tensor& x, Index offset) const override { return headlight::rotate(x, offset); }
  bool is_rotary() const override { return true; }
};

TEST(Position, RotatingHeadsInPlaceGivesTheSameBitsAndGradients) {
  for (const Index others : {0, 5})
    for (const bool shared : {false, true}) {
      Tensor leaf = random_tensor({2, 5, 3 * 6 + others}, 9);
      leaf.set_requires_grad(true);
      std::vector<Tensor> results, gradients;
      for (const bool plain : {false, true}) {
        leaf.zero_grad();
        Tape tape;
        Tensor x = scale(leaf, 2);
        const Tensor second = shared ? x : Tensor();
        const void* storage = std::as_const(x).data<float>();
        const auto before = x.to_vector();
        const Tensor y =
            plain ? PlainRotary().rotate_heads(std::move(x), 3, 6) : RotaryPosition().rotate_heads(std::move(x), 3, 6);
        if (!plain) {
          EXPECT_EQ(std::as_const(y).data<float>() == storage, !shared) << "overwrites only what it alone holds";
        }
        if (shared) {
          EXPECT_EQ(second.to_vector(), before);
        }
        results.push_back(y);
        tape.backward(sum(mul(y, random_tensor(y.shape(), 10))));
        gradients.push_back(leaf.grad().clone());
      }
      EXPECT_TRUE(same_bits(results[0], results[1]));
      EXPECT_TRUE(same_bits(gradients[0], gradients[1]));
    }
}

// In the layer, queries and keys are rotated, and values are not. With pairs as complex numbers, the score of key s for
// query t is Re sum_i conj(q_i) k_i e^(j (s - t) angle_i) / sqrt(D).
TEST(Position, RotaryReachesTheWeightsAndNotTheValues) {
  const DTypeScope doubles(DType::kFloat64);
  constexpr Index kTime = 5, kSize = 4;
  MultiHeadAttention layer(kSize, 1, {.in = {.bias = false}, .out = {.bias = false}});
  randomize(layer, 10);
  const Tensor x = random_tensor({1, kTime, kSize}, 11, DType::kFloat64);
  SeeWeights hook;
  const Tensor y = layer(x, {}, make_position("rotary", kTime, kSize).get());
  const Tensor packed = (*layer.qkv)(x);  // [1,T,3D]
  const auto pair = [&](Index t, Index part, Index i) {
    return std::complex<double>(packed.at({0, t, part * kSize + i}), packed.at({0, t, part * kSize + i + 2}));
  };
  for (Index t = 0; t < kTime; ++t) {
    std::vector<double> weights;
    double total = 0;
    for (Index s = 0; s < kTime; ++s) {
      double score = 0;
      for (Index i = 0; i < 2; ++i) {
        const double angle = static_cast<double>(s - t) * (i == 0 ? 1 : 0.01);  // 10000^(-2/4)
        score += (std::conj(pair(t, 0, i)) * pair(s, 1, i) * std::polar(1.0, angle)).real();
      }
      weights.push_back(std::exp(score / 2));
      total += weights.back();
    }
    for (Index s = 0; s < kTime; ++s)
      EXPECT_NEAR(hook.weights.at({0, 0, t, s}), weights[static_cast<std::size_t>(s)] / total, 1e-13);
  }
  const Tensor mixed = matmul(reshape(hook.weights, {kTime, kTime}), reshape(slice(packed, 2, 8, 12), {kTime, kSize}));
  EXPECT_LT(distance(reshape(y, {kTime, kSize}), (*layer.out)(mixed)), 1e-13);
}

// In the layer, ALiBi's bias is added to the scaled scores: weights are the softmax of both.
TEST(Position, AlibiReachesTheWeights) {
  const DTypeScope doubles(DType::kFloat64);
  MultiHeadAttention layer(4, 2, {.in = {.bias = false}, .out = {}});
  for (NamedTensor& p : layer.parameters()) p.value.fill(0);  // all scores are 0: the bias alone decides
  SeeWeights hook;
  layer(random_tensor({1, 4, 4}, 9, DType::kFloat64), AttentionMask::causal_only(), make_position("alibi", 4, 4).get());
  for (Index h = 0; h < 2; ++h)
    for (Index t = 0; t < 4; ++t) {
      double total = 0;
      for (Index s = 0; s <= t; ++s)
        total += std::exp(-std::pow(2.0, -4.0 * static_cast<double>(h + 1)) * static_cast<double>(t - s));
      for (Index s = 0; s <= t; ++s)
        EXPECT_NEAR(hook.weights.at({0, h, t, s}),
                    std::exp(-std::pow(2.0, -4.0 * static_cast<double>(h + 1)) * static_cast<double>(t - s)) / total,
                    1e-14);
    }
}

}  // namespace
}  // namespace headlight::tests
