// Ablation of heads and subspaces by each kind of replacement, and random rotations.
#include "heads/ablation/ablation.h"

#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "heads/ablation/specialization.h"
#include "heads/tiny_model.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

// Records a layer's head outputs as the model produces them, before an inner hook replaces them.
struct Watch : Hook {
  explicit Watch(Index layer) : layer_(layer) {}
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site == HookSite{layer_, HookSite::Kind::kHeadOutputs}) seen.push_back(x);
    return x;
  }
  std::vector<Tensor> seen;

 private:
  Index layer_;
};

using Ablation = TinyModel;

TEST_F(Ablation, MeansAreThoseOfTheOutputs) {
  const HeadMeans means(*model_, windows_);
  Watch watch(1);
  token_losses(*model_, windows_);
  double sum = 0, overall = 0;
  for (const Tensor& z : watch.seen)
    for (Index b = 0; b < z.size(0); ++b) {
      sum += z.at({b, 2, 7, 1});
      for (Index t = 0; t < 16; ++t) overall += z.at({b, 2, t, 1});
    }
  EXPECT_NEAR(means.by_position(1).at({2, 7, 1}), sum / static_cast<double>(windows_.size()), 1e-5);
  EXPECT_NEAR(means.overall(1).at({2, 1}), overall / static_cast<double>(16 * windows_.size()), 1e-5);
}

TEST_F(Ablation, ReplacesOneHeadAndNoOther) {
  const HeadMeans means(*model_, windows_);
  Rng rng(1);
  const Tensor z = Tensor::normal({3, 3, 5, 4}, 0, 1, rng);
  const auto replaced = [&](Replacement kind) {
    return AblateHeads(means, {{1, 2}}, kind).on_activation({1, HookSite::Kind::kHeadOutputs}, z);
  };
  const Tensor by_mean = replaced(Replacement::kMean), by_zero = replaced(Replacement::kZero),
               by_other = replaced(Replacement::kResample), by_constant = replaced(Replacement::kConstant);
  for (Index b = 0; b < 3; ++b)
    for (Index t = 0; t < 5; ++t)
      for (Index d = 0; d < 4; ++d) {
        for (const Tensor& x : {by_mean, by_zero, by_other, by_constant})
          for (Index h = 0; h < 2; ++h) EXPECT_EQ(x.at({b, h, t, d}), z.at({b, h, t, d}));
        EXPECT_EQ(by_mean.at({b, 2, t, d}), means.by_position(1).at({2, t, d}));
        EXPECT_EQ(by_zero.at({b, 2, t, d}), 0);
        EXPECT_EQ(by_other.at({b, 2, t, d}), z.at({(b + 1) % 3, 2, t, d}));
        EXPECT_EQ(by_constant.at({b, 2, t, d}), means.overall(1).at({2, d}));
      }
  AblateHeads hook(means, {{1, 2}});
  EXPECT_TRUE(hook.on_activation({0, HookSite::Kind::kHeadOutputs}, z).same_storage(z)) << "another layer";
  EXPECT_TRUE(hook.on_activation({1, HookSite::Kind::kAttentionWeights}, z).same_storage(z));
}

TEST_F(Ablation, ChangesTheLossAndOnlyWhileItLives) {
  const HeadMeans means(*model_, windows_);
  const double before = mean_loss(token_losses(*model_, windows_));
  {
    const AblateHeads hook(means, all_heads(model_->config()));
    EXPECT_GT(std::abs(mean_loss(token_losses(*model_, windows_)) - before), 1e-3);
  }
  EXPECT_EQ(mean_loss(token_losses(*model_, windows_)), before);
}

// The losses under resample-ablation if all windows are one batch. The last window gets the outputs on the first.
std::vector<float> in_one_batch(const TransformerLM& model, const HeadMeans& means, const HeadWindows& windows,
                                const std::vector<HeadId>& heads) {
  const NoGrad no_recording;
  const AblateHeads hook(means, heads, Replacement::kResample);
  std::vector<float> losses;
  append_losses(model(windows.inputs(), windows.size()), windows.targets(), losses);
  return losses;
}

void expect_same_losses(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(std::isnan(a[i]), std::isnan(b[i])) << i;
    if (!std::isnan(a[i])) {
      ASSERT_NEAR(a[i], b[i], 2e-5) << i;
    }
  }
}

// Window w gets the output on window (w+1) mod N, however the windows are divided into batches.
TEST_F(Ablation, ResampleUsesTheNextWindow) {
  for (const Index count : {2, 3, 4, 7, 11}) {
    for (const Index tokens : {Index{1}, Index{3 * 16}, HeadWindows::kBatchTokens}) {
      SCOPED_TRACE(cat(count, " windows, batches of ", tokens));
      const HeadWindows windows(text_, 16, count, tokens);
      ASSERT_EQ(windows.size(), count);
      const HeadMeans means(*model_, windows);
      const std::vector<float> before = token_losses(*model_, windows);
      for (const std::vector<HeadId>& heads :
           {std::vector<HeadId>{{0, 1}}, {{1, 2}}, {{0, 1}, {1, 0}, {1, 2}}, all_heads(model_->config())}) {
        const std::vector<float> right = in_one_batch(*model_, means, windows, heads);
        expect_same_losses(ablated_losses(*model_, means, windows, heads, Replacement::kResample), right);
        double change = 0;
        for (std::size_t i = 0; i < right.size(); ++i)
          if (!std::isnan(right[i])) change = std::max(change, static_cast<double>(std::abs(right[i] - before[i])));
        EXPECT_GT(change, 1e-3) << "another window's output is not the window's own";
      }
    }
  }
}

TEST_F(Ablation, OfAllHeadsByAnotherTextDoesNotDependOnPieces) {
  for (const Index count : {2, 3, 11}) {
    const HeadWindows windows(text_, 16, count, 1);
    const HeadMeans means(*model_, windows);
    const std::vector<PredictionSubset> subsets{all_predictions(windows)};
    const Bootstrap bootstrap(count, 1, 10);
    const std::vector<float> before = token_losses(*model_, windows);
    const AblationResult result =
        ablate_heads(*model_, means, {windows, subsets, bootstrap}, before, Replacement::kResample, true);
    const std::vector<HeadId> heads = all_heads(model_->config());
    for (std::size_t h = 0; h < heads.size(); ++h)
      expect_same_losses(result.losses[h], in_one_batch(*model_, means, windows, {heads[h]}));
    expect_same_losses(result.all_losses, in_one_batch(*model_, means, windows, heads));
  }
}

TEST_F(Ablation, OneWindowHasNoOtherText) {
  const HeadWindows one(text_, 16, 1);
  const HeadMeans means(*model_, windows_);
  EXPECT_TRUE(contains(error_of([&] {
                         ablated_losses(*model_, means, one, {{0, 1}}, Replacement::kResample);
                       }),
                       "heads: the text has one window of 16 tokens"));
  AblateHeads hook(means, {{0, 1}}, Replacement::kResample);
  EXPECT_EQ(error_of([&] { token_losses(*model_, one); }),
            "blocks.0.attn: ablation: resample-ablation of L0H1 needs a second sequence; pass two or "
            "more windows");
}

// Zero-ablation of layer 1 equals setting its columns of the output projection to zero.
TEST_F(Ablation, ByZeroIsAsWithoutTheOutputColumns) {
  const HeadMeans means(*model_, windows_);
  std::vector<float> ablated;
  {
    const AblateHeads hook(means, {{1, 0}, {1, 2}}, Replacement::kZero);
    ablated = token_losses(*model_, windows_);
  }
  Tensor weight = model_->blocks[1]->attn->out->weight.value();  // [12,12]
  for (Index c = 0; c < 12; ++c)
    for (Index i = 0; i < 12; ++i)
      if (i / 4 != 1) weight.data<float>()[c * 12 + i] = 0;
  const std::vector<float> without = token_losses(*model_, windows_);
  for (std::size_t i = 0; i < without.size(); ++i)
    if (!std::isnan(without[i])) {
      EXPECT_NEAR(ablated[i], without[i], 1e-5);
    }
}

// The coordinates of one head are a subspace, so both ablations are equal.
TEST_F(Ablation, OfAHeadsOwnSubspaceIsAblationOfTheHead) {
  const HeadMeans means(*model_, windows_);
  std::vector<double> u(12 * 4, 0.0);
  for (std::size_t i = 0; i < 4; ++i) u[(2 * 4 + i) * 4 + i] = 1;
  std::vector<float> by_head, by_subspace;
  {
    const AblateHeads hook(means, {{0, 2}});
    by_head = token_losses(*model_, windows_);
  }
  {
    const AblateSubspace hook(means, 0, Tensor::of({12, 4}, u));
    by_subspace = token_losses(*model_, windows_);
  }
  for (std::size_t i = 0; i < by_head.size(); ++i)
    if (!std::isnan(by_head[i])) {
      EXPECT_NEAR(by_head[i], by_subspace[i], 1e-4);
    }
}

TEST_F(Ablation, OfAllTheSpaceIsAblationOfAllHeads) {
  const HeadMeans means(*model_, windows_);
  Rng rng(4);
  std::vector<float> by_heads, by_space;
  {
    const AblateHeads hook(means, {{0, 0}, {0, 1}, {0, 2}});
    by_heads = token_losses(*model_, windows_);
  }
  {
    const AblateSubspace hook(means, 0, random_rotation(12, rng));
    by_space = token_losses(*model_, windows_);
  }
  EXPECT_NEAR(mean_loss(by_heads), mean_loss(by_space), 1e-4);
}

TEST(RandomRotation, IsOrthonormalAndRandom) {
  Rng rng(3);
  const Tensor u = random_rotation(20, rng), v = random_rotation(20, rng);
  const Tensor product = matmul(u, u, {.transpose_a = true});
  for (Index i = 0; i < 20; ++i)
    for (Index j = 0; j < 20; ++j) EXPECT_NEAR(product.at({i, j}), i == j ? 1 : 0, 1e-5);
  EXPECT_NE(u.at({0, 0}), v.at({0, 0}));
}

}  // namespace
}  // namespace headlight
