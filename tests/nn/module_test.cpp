// Tests of Module: the order and names of parameters, their initial values, and errors that name the layer.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "headlight/autograd/tape.h"
#include "nn/layers.h"
#include "support/expect_error.h"

namespace headlight::tests {
namespace {

TEST(Module, WalksInOrderOfDeclaration) {
  TransformerConfig c = tiny_config();
  c.layers = 1;
  EXPECT_EQ(walk_text(TransformerLM(c)),
            "tokens.weight [7,8], position.weight [6,8], "
            "blocks.0.norm1.weight [8], blocks.0.norm1.bias [8], "
            "blocks.0.attn.qkv.weight [24,8], blocks.0.attn.qkv.bias [24], "
            "blocks.0.attn.out.weight [8,8], blocks.0.attn.out.bias [8], "
            "blocks.0.norm2.weight [8], blocks.0.norm2.bias [8], "
            "blocks.0.ff.up.weight [10,8], blocks.0.ff.up.bias [10], "
            "blocks.0.ff.down.weight [8,10], blocks.0.ff.down.bias [8], "
            "norm.weight [8], norm.bias [8]");
  c.tied = c.bias = false;
  c.norm = "rms";
  c.position = "rotary";
  c.hidden = 0;
  EXPECT_EQ(walk_text(TransformerLM(c)),
            "tokens.weight [7,8], blocks.0.norm1.weight [8], blocks.0.attn.qkv.weight [24,8], "
            "blocks.0.attn.out.weight [8,8], norm.weight [8], head.weight [7,8]");
  c.pre_norm = false;
  EXPECT_EQ(walk_text(TransformerLM(c)),
            "tokens.weight [7,8], blocks.0.norm1.weight [8], blocks.0.attn.qkv.weight [24,8], "
            "blocks.0.attn.out.weight [8,8], head.weight [7,8]");
}

TEST(Module, CountsAndDescribes) {
  TransformerConfig c;  // 4 layers, C 128, F 512, T 64
  c.vocabulary = 65;
  const TransformerLM model(c);
  const Index block = 2 * 2 * 128 + (128 + 1) * 384 + (128 + 1) * 128 + (128 + 1) * 512 + (512 + 1) * 128;
  EXPECT_EQ(model.parameter_count(), 65 * 128 + 64 * 128 + 4 * block + 2 * 128);
  EXPECT_EQ(model.blocks.size(), 4);
  const std::string text = model.describe();
  EXPECT_EQ(text.substr(0, text.find('\n')), "tokens.weight [65,128] 8320");
  EXPECT_NE(text.find("\nblocks.3.attn.qkv.weight [384,128] 49152\n"), std::string::npos) << text;
}

TEST(Module, HandlesShareStorageAndGradient) {
  Linear layer(2, 3);
  std::vector<NamedTensor> walk = layer.parameters();
  ASSERT_EQ(walk.size(), 2u);
  EXPECT_TRUE(walk[0].value.same_storage(layer.weight.value()));
  walk[0].value.fill(2);
  EXPECT_EQ(layer.weight.value().at({2, 1}), 2);
  {
    Tape tape;
    tape.backward(sum(layer(Tensor::full({1, 2}, 3))));
  }
  EXPECT_EQ(walk[0].value.grad().to_vector(), std::vector<double>(6, 3));
  EXPECT_EQ(walk[1].value.grad().to_vector(), std::vector<double>(3, 1));
  layer.zero_grad();
  EXPECT_FALSE(walk[0].value.grad().defined());
  EXPECT_FALSE(walk[1].value.grad().defined());
  EXPECT_TRUE(walk[0].value.requires_grad());
}

TEST(Module, ZeroGradReachesEveryParameter) {
  for (const bool tied : {true, false}) {
    TransformerConfig c = tiny_config();
    c.tied = tied;
    TransformerLM model(c);
    const std::vector<std::int32_t> ids = random_ids(12, 7, 1);
    {
      Tape tape;
      tape.backward(cross_entropy(model(ids, 2), ids));
    }
    for (const NamedTensor& p : model.parameters()) EXPECT_TRUE(p.value.grad().defined()) << p.name;
    model.zero_grad();
    for (const NamedTensor& p : model.parameters()) EXPECT_FALSE(p.value.grad().defined()) << p.name;
  }
}

TEST(Module, CopiedParametersAreEqualAndSeparate) {
  seed_generator(3);
  const TransformerLM from(tiny_config());
  TransformerLM to(tiny_config());
  copy_parameters(from, to);
  const auto source = from.parameters(), target = to.parameters();
  ASSERT_EQ(source.size(), target.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    EXPECT_TRUE(same_bits(source[i].value, target[i].value)) << source[i].name;
    EXPECT_FALSE(source[i].value.same_storage(target[i].value)) << source[i].name;
  }
}

TEST(Module, CopiedParametersMustFit) {
  const TransformerLM from(tiny_config());
  const auto refusal = [&](TransformerConfig c) {
    TransformerLM to(c);
    const std::vector<NamedTensor> parameters = to.parameters();
    const std::vector<double> before = parameters[0].value.to_vector();
    const std::string error = error_of([&] { copy_parameters(from, to); });
    EXPECT_EQ(parameters[0].value.to_vector(), before) << "nothing is copied";
    return error;
  };
  TransformerConfig c = tiny_config();
  c.hidden = c.hidden_size() + 1;
  EXPECT_TRUE(contains(refusal(c), "the source has blocks.0.ff.up.weight [")) << refusal(c);
  c = tiny_config();
  c.tied = !c.tied;
  EXPECT_TRUE(contains(refusal(c), "no more parameters")) << refusal(c);
}

TEST(TransformerConfig, CountsTheWeightsOfItsBlocks) {
  for (const Index hidden : {-1, 0, 5}) {
    TransformerConfig c = tiny_config();
    c.hidden = hidden;
    c.head_size = 3;
    c.layer_heads.assign(static_cast<std::size_t>(c.layers), 2);
    c.layer_heads[0] = 1;
    double matrices = 0;
    for (const NamedTensor& p : TransformerLM(c).parameters())
      if (p.value.rank() == 2 && p.name.rfind("blocks.", 0) == 0) matrices += static_cast<double>(p.value.numel());
    EXPECT_EQ(c.block_weights(), matrices) << hidden;
  }
}

// ---- initial values of parameters ----

TEST(Module, TheSameSeedMakesTheSameModel) {
  TransformerConfig c = tiny_config();
  c.tied = false;
  seed_generator(3);
  const TransformerLM a(c);
  seed_generator(3);
  const TransformerLM b(c);
  const TransformerLM other(c);
  const auto walk_a = a.parameters(), walk_b = b.parameters(), walk_other = other.parameters();
  ASSERT_EQ(walk_a.size(), walk_b.size());
  for (std::size_t i = 0; i < walk_a.size(); ++i) {
    EXPECT_EQ(walk_a[i].name, walk_b[i].name);
    EXPECT_TRUE(same_bits(walk_a[i].value, walk_b[i].value)) << walk_a[i].name;
    // With another seed, every random parameter differs.
    if (walk_a[i].value.rank() == 2) {
      EXPECT_FALSE(same_bits(walk_a[i].value, walk_other[i].value)) << walk_a[i].name;
    }
  }
}

double deviation(const Tensor& x) {
  double squares = 0;
  for (const double v : x.to_vector()) squares += v * v;
  return std::sqrt(squares / static_cast<double>(x.numel()));
}

TEST(Module, ParametersStartAsInGpt2) {
  for (const Index hidden : {Index{-1}, Index{0}}) {
    TransformerConfig c;
    c.vocabulary = 100;
    c.hidden = hidden;
    c.tied = false;
    seed_generator(1);
    const TransformerLM model(c);
    const double sums = hidden == 0 ? 4 : 8;  // additions to the residual stream
    for (const NamedTensor& p : model.parameters()) {
      if (p.value.rank() == 2) {
        const bool adds = p.name.find("out.weight") != std::string::npos || p.name.find("down") != std::string::npos;
        const double expected = adds ? 0.02 / std::sqrt(sums) : 0.02;
        // Five standard errors of a standard deviation estimated from n numbers.
        EXPECT_NEAR(deviation(p.value), expected, 5 * expected / std::sqrt(2.0 * static_cast<double>(p.value.numel())))
            << p.name;
      } else {
        const bool gain = p.name.find("norm") != std::string::npos && p.name.ends_with("weight");
        EXPECT_EQ(p.value.to_vector(), std::vector<double>(static_cast<std::size_t>(p.value.numel()), gain ? 1 : 0))
            << p.name;
      }
    }
  }
}

TEST(Module, ALinearLayerStartsUniformByDefault) {
  seed_generator(1);
  const Linear layer(64, 50);
  std::set<double> distinct;
  double most = 0;
  for (const double w : layer.weight.value().to_vector()) {
    most = std::max(most, std::abs(w));
    distinct.insert(w);
  }
  EXPECT_LE(most, 0.125);
  EXPECT_GT(most, 0.124);
  EXPECT_GT(distinct.size(), 3000u);
  EXPECT_NEAR(deviation(layer.weight), 0.125 / std::sqrt(3.0), 0.003);
  EXPECT_EQ(deviation(*layer.bias), 0);
}

TEST(Module, IsMadeInTheDefaultType) {
  const DTypeScope doubles(DType::kFloat64);
  const TransformerLM model(tiny_config());
  for (const NamedTensor& p : model.parameters()) EXPECT_EQ(p.value.dtype(), DType::kFloat64) << p.name;
  EXPECT_EQ(model(random_ids(6, 7, 1), 1).dtype(), DType::kFloat64);
}

// ---- errors name the layer ----

struct Broken : Module {
  Child<Linear> up{this, "up", 8, 32}, down{this, "down", 31, 8};
  Tensor operator()(const Tensor& x) const { return down(relu(up(x))); }
};
struct Outer : Module {
  ChildList<Broken> parts{this, "parts", 2};
  Tensor operator()(const Tensor& x) const { return parts[1](x); }
};

TEST(Errors, CarryThePathOfTheLayer) {
  const Outer model;
  const std::string message = error_of([&] { model(Tensor::zeros({5, 8})); });
  EXPECT_TRUE(message.starts_with("parts.1.down: linear: ")) << message;
  EXPECT_NE(message.find("[5,32]"), std::string::npos) << message;
  EXPECT_NE(message.find("[8,31]"), std::string::npos) << message;
  // After the error, the layer path is empty again.
  EXPECT_EQ(error_of([] { fail("here"); }), "here");
  EXPECT_EQ(LayerScope::path(), "");
}

TEST(Errors, CarryThePathInsideATransformer) {
  const TransformerLM model(tiny_config());
  const std::string narrow = error_of([&] { model.blocks[1](Tensor::zeros({1, 3, 9}), AttentionMask(), nullptr); });
  EXPECT_TRUE(narrow.starts_with("blocks.1.norm1: layer_norm: ")) << narrow;
  const Child<MultiHeadAttention>& attn = model.blocks[0]->attn;
  const std::string inside = error_of([&] { attn(Tensor::zeros({1, 3, 9})); });
  EXPECT_TRUE(inside.starts_with("attn.qkv: linear: ")) << inside;
  const std::string id = error_of([&] { model(std::vector<std::int32_t>{1, 7, 2}, 1); });
  EXPECT_TRUE(id.starts_with("tokens: embedding: ")) << id;
  EXPECT_NE(id.find("7"), std::string::npos) << id;
}

}  // namespace
}  // namespace headlight::tests
