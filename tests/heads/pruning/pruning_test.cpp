// Pruning: pruned models against ablated ones, curves, orders, and recovery training.
#include "heads/pruning/pruning.h"

#include <algorithm>
#include <cmath>

#include "heads/ablation/block_runs.h"
#include "heads/ablation/replicates.h"
#include "heads/pruning/prune_recovery.h"
#include "heads/tiny_model.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

using Pruning = TinyModel;

// The largest difference between the losses of the pruned model and those of the whole model with the same heads
// ablated.
double difference(const TransformerLM& model, const HeadWindows& windows, std::vector<HeadId> removed) {
  const HeadMeans means(model, windows);
  const auto pruned = without_heads(model, removed, means);
  const std::vector<float> real = token_losses(*pruned, windows);
  const AblateHeads hook(means, removed, pruning_replacement(model));
  const std::vector<float> masked = token_losses(model, windows);
  double worst = 0;
  for (std::size_t i = 0; i < real.size(); ++i)
    if (!std::isnan(real[i])) worst = std::max(worst, std::abs(static_cast<double>(real[i] - masked[i])));
  return worst;
}

TEST_F(Pruning, IsAsMasking) {
  const std::vector<std::vector<HeadId>> sets{
      {}, {{0, 1}}, {{0, 0}, {1, 2}}, {{1, 0}, {1, 1}, {1, 2}}, all_heads(model_->config())};
  for (const char* position : {"learned", "rotary", "sinusoidal"}) {
    for (const bool bias : {true, false}) {
      for (const Index hidden : {Index{-1}, Index{0}}) {
        make({.hidden = hidden, .position = position, .bias = bias, .tied = bias});
        for (const std::vector<HeadId>& removed : sets)
          EXPECT_LT(difference(*model_, windows_, removed), 1e-5) << removed.size() << " " << bias << " " << hidden;
      }
    }
  }
}

TEST_F(Pruning, GivesTheSameLogits) {
  const HeadMeans means(*model_, windows_);
  const std::vector<HeadId> removed{{0, 2}, {1, 0}};
  const auto pruned = without_heads(*model_, removed, means);
  const auto ids = std::span(windows_.inputs()).first(16);
  const std::vector<double> real = (*pruned)(ids, 1).to_vector();
  const AblateHeads hook(means, removed, Replacement::kConstant);
  const std::vector<double> masked = (*model_)(ids, 1).to_vector();
  for (std::size_t i = 0; i < real.size(); ++i) EXPECT_NEAR(real[i], masked[i], 1e-5);
}

TEST_F(Pruning, MakesTheModelSmaller) {
  const HeadMeans means(*model_, windows_);
  const auto pruned = without_heads(*model_, std::vector<HeadId>{{0, 1}, {1, 0}, {1, 1}}, means);
  EXPECT_EQ(pruned->config().layer_heads, (std::vector<Index>{2, 1}));
  EXPECT_EQ(pruned->config().head_size, 4);
  // Each head has 3 D rows of length C with their biases, and D columns of length C.
  EXPECT_EQ(model_->parameter_count() - pruned->parameter_count(), 3 * (3 * 4 * 12 + 3 * 4 + 4 * 12));
  EXPECT_EQ(pruned->blocks[1]->attn->heads(), 1);
}

TEST_F(Pruning, CanBeRepeated) {
  const HeadMeans means(*model_, windows_);
  const auto once = without_heads(*model_, std::vector<HeadId>{{0, 0}}, means);
  const HeadMeans its_means(*once, windows_);
  const auto twice = without_heads(*once, std::vector<HeadId>{{0, 0}}, its_means);  // originally head 1
  EXPECT_EQ(twice->config().layer_heads, (std::vector<Index>{1, 3}));
  EXPECT_LT(difference(*once, windows_, {{0, 0}, {1, 1}}), 1e-5);
}

TEST_F(Pruning, RefusesWhatItCannotDo) {
  const HeadMeans means(*model_, windows_);
  EXPECT_TRUE(contains(error_of([&] { without_heads(*model_, std::vector<HeadId>{{0, 3}}, means); }), "no head L0H3"));
  TransformerConfig grouped;
  grouped.kv_heads = 1;
  make(grouped);
  EXPECT_EQ(
      error_of([&] {
        without_heads(*model_, std::vector<HeadId>{{0, 1}}, HeadMeans(*model_, windows_));
      }),
      "prune: the 3 heads of each layer share 1 key head, so none can be removed; train a model without --kv-heads");
  make({.position = "alibi"});
  EXPECT_EQ(error_of([&] {
              without_heads(*model_, std::vector<HeadId>{{0, 1}}, HeadMeans(*model_, windows_));
            }),
            "prune: the slopes of ALiBi positions depend on the number of heads; train a model with other positions");
}

TEST_F(Pruning, CurvesBeginWholeAndEndBare) {
  const HeadMeans means(*model_, windows_);
  const std::vector<HeadId> order = greedy_order(*model_, windows_, means);
  std::vector<HeadId> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, all_heads(model_->config())) << "each head once";
  const std::vector<double> curve = prune_curve(*model_, windows_, means, order);
  ASSERT_EQ(curve.size(), 7u);
  EXPECT_NEAR(curve[0], mean_loss(token_losses(*model_, windows_)), 1e-5);
  EXPECT_NEAR(curve[6], loss_without(*model_, windows_, means, all_heads(model_->config())), 1e-12);
  // The greedy order begins with the cheapest head: no other single head costs less.
  for (const HeadId id : sorted) EXPECT_GE(loss_without(*model_, windows_, means, {id}), curve[1]);
  EXPECT_EQ(prune_curve(*model_, windows_, means, order, -1).size(), 1u) << "ends above the limit";
}

TEST_F(Pruning, RunsFromABlockAreWholeRuns) {
  const HeadMeans means(*model_, windows_);
  BlockRuns runs(*model_, windows_);
  const auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](float x, float y) { return x == y || (x != x && y != y); });
  };
  EXPECT_TRUE(same(runs.kept(), token_losses(*model_, windows_)));
  for (const HeadId id : all_heads(model_->config())) {
    const AblateHeads hook(means, {id});
    EXPECT_TRUE(same(runs.losses(id.layer), token_losses(*model_, windows_))) << head_name(id);
    EXPECT_FALSE(same(runs.kept(), token_losses(*model_, windows_))) << head_name(id);
  }
  {
    const AblateHeads hook(means, {{0, 1}});
    EXPECT_TRUE(same(runs.keep(0), token_losses(*model_, windows_)));
  }
  const AblateHeads both(means, {{0, 1}, {1, 2}});
  EXPECT_TRUE(same(runs.losses(1), token_losses(*model_, windows_))) << "L0H1 is ablated in the kept run";
}

TEST_F(Pruning, StudyOfAllOrders) {
  const PruneStudy whole = study_pruning(*model_, windows_, 3, 1, true),
                   part = study_pruning(*model_, windows_, 3, 1, false);
  ASSERT_EQ(whole.orders.size(), 4u);
  EXPECT_EQ(whole.orders[1].removed,
            std::vector<HeadId>(whole.orders[3].removed.rbegin(), whole.orders[3].removed.rend()));
  for (const PruneOrder& order : whole.orders) {
    EXPECT_EQ(order.losses.size(), 7u) << order.name;
    EXPECT_EQ(order.losses[0], whole.orders[0].losses[0]);
    EXPECT_NEAR(order.losses[6], whole.orders[0].losses[6], 1e-6) << "all heads are removed, in any order";
  }
  EXPECT_EQ(whole.prunable, part.prunable) << "a shorter study gives the same figures";
  EXPECT_EQ(whole.prunable_random, part.prunable_random);
  ASSERT_EQ(whole.greedy_losses.size(), 7u);
  EXPECT_EQ(mean_loss(whole.greedy_losses[3]), whole.orders[0].losses[3]);
  // On the original windows, without resampling, the fraction is that of the curve.
  const Bootstrap once(windows_.half(1).size(), 1, 300);
  const std::vector<double> fractions = prunable_replicates(whole.greedy_losses, 16, 6, once);
  ASSERT_EQ(fractions.size(), static_cast<std::size_t>(kReplicates));
  for (const double f : fractions) EXPECT_TRUE(f >= 0 && f <= 1);
}

TEST_F(Pruning, RecoveryTrainsWhatIsLeft) {
  EXPECT_EQ(thinned_counts(3), (std::vector<std::size_t>{0, 1, 2, 3}));
  EXPECT_EQ(thinned_counts(0), (std::vector<std::size_t>{0}));
  EXPECT_EQ(thinned_counts(16), (std::vector<std::size_t>{0, 2, 5, 7, 9, 11, 14, 16}));
  RunData data;
  data.source = "text";
  data.vocabulary = vocabulary_;
  data.train = data.validation = text_;
  RunConfig config;
  config.context = 16, config.layers = 2, config.heads = 3, config.width = 12, config.batch = 4, config.lr = 0.03;
  config.min_lr = 0.001, config.warmup = 0, config.seed = 1;
  PruneStudy study = study_pruning(*model_, windows_, 1, 1, true);
  Rng expected = generator();
  add_recovery(study, *model_, config, data, windows_, 20);
  EXPECT_EQ(generator().below(1'000'000), expected.below(1'000'000)) << "recovery does not change later random numbers";
  ASSERT_EQ(study.orders.size(), 5u);
  const PruneOrder& recovered = study.orders[4];
  EXPECT_EQ(recovered.name, "greedy, then 20 steps of training");
  ASSERT_EQ(recovered.losses.size(), 7u);
  for (std::size_t n = 0; n < 7; ++n) EXPECT_LT(recovered.losses[n], study.orders[0].losses[n]) << n;
  PruneStudy again = study_pruning(*model_, windows_, 1, 1, true);
  generator().normal();
  add_recovery(again, *model_, config, data, windows_, 20);
  EXPECT_EQ(again.orders[4].losses, recovered.losses) << "the same training whatever was drawn before";
  config.ema = 0.9;
  PruneStudy averaged = study_pruning(*model_, windows_, 1, 1, true);
  add_recovery(averaged, *model_, config, data, windows_, 20);
  EXPECT_NE(averaged.orders[4].losses, recovered.losses) << "the losses of the averages";
  Index most = 0;
  PruneStudy stopped = study_pruning(*model_, windows_, 1, 1, true);
  const auto for_a_while = [&](const char*, Index done, Index of) {
    most = std::max(most, done);
    EXPECT_EQ(of, 140) << "seven trainings";
    return done < 30;
  };
  expected = generator();
  EXPECT_THROW(add_recovery(stopped, *model_, config, data, windows_, 20, Progress(for_a_while)), InterruptedError);
  EXPECT_EQ(most, 30);
  EXPECT_EQ(stopped.orders.size(), 4u);
  EXPECT_EQ(generator().below(1'000'000), expected.below(1'000'000));
}

TEST_F(Pruning, OrdersAreWhatTheySay) {
  const TransformerConfig& config = model_->config();
  const std::vector<HeadId> order = order_by(std::vector<double>{3, 1, 2, 0, 1, 5}, config);
  EXPECT_EQ(order, (std::vector<HeadId>{{1, 0}, {0, 1}, {1, 1}, {0, 2}, {0, 0}, {1, 2}}));
  EXPECT_EQ(random_order(config, 1), random_order(config, 1));
  EXPECT_NE(random_order(config, 1), random_order(config, 2));
}

TEST(PrunableFraction, CountsHeadsUntilTheLimit) {
  const std::vector<double> curve{1.0, 1.01, 1.015, 1.03, 1.0};
  EXPECT_EQ(prunable_fraction(curve, 8, 0.02), 0.25) << "heads after the first loss above the limit do not count";
  EXPECT_EQ(prunable_fraction(curve, 8, 0), 0);
  EXPECT_EQ(prunable_fraction(curve, 4, 1), 1);
  EXPECT_EQ(prunable_fraction({}, 0), 0);
}

}  // namespace
}  // namespace headlight
