// Tests of hooks: they receive a model's activations, can replace them, and otherwise leave every bit unchanged.
#include <gtest/gtest.h>

#include <memory>

#include "headlight/autograd/tape.h"
#include "nn/layers.h"

namespace headlight::tests {
namespace {

struct Recorder : Hook {
  std::vector<HookSite> sites;
  std::vector<Tensor> values;
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    sites.push_back(site);
    values.push_back(x.clone());
    return x;
  }
};

// Gives zeros for one head's output.
struct ZeroHead : Hook {
  explicit ZeroHead(Index zeroed) : head(zeroed) {}
  Index head;
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site != HookSite{1, HookSite::Kind::kHeadOutputs}) return x;
    Tensor keep = Tensor::full({1, x.size(1), 1, 1}, 1, x.dtype());
    keep.data<float>()[head] = 0;
    return mul(x, keep);
  }
};

class Hooks : public ::testing::Test {
 protected:
  Hooks() { randomize(model_, 1); }
  TransformerLM model_{tiny_config()};
  std::vector<std::int32_t> ids_ = random_ids(10, 7, 2);
};

TEST_F(Hooks, ReceiveWeightsAndHeadOutputsWithTheirSites) {
  Recorder hook;
  model_(ids_, 2);
  EXPECT_EQ(hook.sites, (std::vector<HookSite>{{0, HookSite::Kind::kAttentionWeights},
                                               {0, HookSite::Kind::kHeadOutputs},
                                               {1, HookSite::Kind::kAttentionWeights},
                                               {1, HookSite::Kind::kHeadOutputs}}));
  const Tensor weights = hook.values[2], z = hook.values[1];
  EXPECT_EQ(to_text(weights.shape()), "[2,2,5,5]");
  EXPECT_EQ(to_text(z.shape()), "[2,2,5,4]");
  for (Index t = 0; t < 5; ++t)
    for (Index s = 0; s < 5; ++s) EXPECT_EQ(weights.at({1, 1, t, s}) > 0, s <= t);
}

TEST_F(Hooks, InAnyOrderOfDestruction) {
  auto first = std::make_unique<Recorder>(), second = std::make_unique<Recorder>();
  first.reset();
  EXPECT_EQ(Hook::active(), second.get());
  model_(ids_, 2);
  EXPECT_EQ(second->sites.size(), 4u);
  second.reset();
  EXPECT_EQ(Hook::active(), nullptr);
}

TEST_F(Hooks, ObservingChangesNoBit) {
  for (const double dropout : {0.0, 0.25}) {
    TransformerConfig c = tiny_config();
    c.dropout = dropout;
    TransformerLM model(c);
    randomize(model, 3);
    const auto train = [&] {
      seed_generator(4);
      Tape tape;
      const Tensor loss = cross_entropy(model(ids_, 2), ids_);
      tape.backward(loss);
      std::vector<Tensor> seen = {loss.detach()};
      for (const NamedTensor& p : model.parameters()) seen.push_back(p.value.grad());
      model.zero_grad();
      return seen;
    };
    const Tensor plain = model(ids_, 2);
    const std::vector<Tensor> trained = train();
    Recorder hook;
    EXPECT_TRUE(same_bits(model(ids_, 2), plain));
    const std::vector<Tensor> watched = train();
    ASSERT_EQ(watched.size(), trained.size());
    for (std::size_t i = 0; i < trained.size(); ++i) EXPECT_TRUE(same_bits(watched[i], trained[i])) << i;
    EXPECT_EQ(hook.sites.size(), 8u);
  }
}

// The model uses the hook's result: zeroing a head equals zeroing its part of the output projection.
TEST_F(Hooks, ReplacedHeadOutputsAreUsed) {
  const Tensor intact = model_(ids_, 2);
  for (Index head = 0; head < 2; ++head) {
    Tensor ablated;
    {
      ZeroHead hook(head);
      ablated = model_(ids_, 2);
    }
    EXPECT_GT(distance(ablated, intact), 1e-3);
    const Tensor& weight = model_.blocks[1]->attn->out->weight;  // [C, HD]
    Tensor handle = weight;
    const Tensor before = weight.clone();
    for (Index c = 0; c < 8; ++c)
      for (Index d = 0; d < 4; ++d) handle.data<float>()[c * 8 + head * 4 + d] = 0;
    EXPECT_LT(distance(ablated, model_(ids_, 2)), 1e-6);
    handle.copy_from(before);
  }
  EXPECT_TRUE(same_bits(model_(ids_, 2), intact));
}

TEST_F(Hooks, GradientsFlowThroughWhatIsReplaced) {
  ZeroHead hook(1);
  {
    Tape tape;
    tape.backward(cross_entropy(model_(ids_, 2), ids_));
  }
  // The output of head 1 of block 1 is not used, so its queries, keys and values get no gradient; those of head 0 do.
  const Tensor g = model_.blocks[1]->attn->qkv->weight.value().grad();  // [3HD, C]
  for (Index part = 0; part < 3; ++part) {
    double used = 0;
    for (Index d = 0; d < 4; ++d)
      for (Index c = 0; c < 8; ++c) {
        EXPECT_EQ(g.at({part * 8 + 4 + d, c}), 0);
        used += std::abs(g.at({part * 8 + d, c}));
      }
    EXPECT_GT(used, 0);
  }
}

TEST_F(Hooks, TheLastOneMadeIsActive) {
  EXPECT_EQ(Hook::active(), nullptr);
  Recorder outer;
  {
    Recorder inner;
    model_(ids_, 2);
    EXPECT_EQ(inner.sites.size(), 4u);
  }
  EXPECT_TRUE(outer.sites.empty());
  model_(ids_, 2);
  EXPECT_EQ(outer.sites.size(), 4u);
}

TEST_F(Hooks, AnotherShapeIsAnError) {
  struct Cut : Hook {
    Tensor on_activation(const HookSite& site, const Tensor& x) override {
      return site.kind == HookSite::Kind::kHeadOutputs ? slice(x, 2, 0, 1) : x;
    }
  } hook;
  EXPECT_EQ(error_of([&] { model_(ids_, 2); }),
            "blocks.0.attn: hook: returned [2,2,1,4] for an activation of shape [2,2,5,4]; return the same shape");
}

}  // namespace
}  // namespace headlight::tests
