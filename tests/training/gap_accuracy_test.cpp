// Tests of gap_accuracy(): known models, and that an encoder fills gaps that the left context cannot determine.
#include "training/gap_accuracy.h"

#include <gtest/gtest.h>

#include "headlight/autograd/tape.h"
#include "headlight/models/sequence_models.h"
#include "headlight/ops/ops.h"
#include "headlight/optim/optimizer.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

constexpr Index kTokens = 6, kContext = 8;

// A model that predicts each token to equal the one before; `objective` says what its logits predict.
struct Repeats final : LanguageModel {
  explicit Repeats(Objective which) : what(which) {}
  Tensor operator()(std::span<const std::int32_t> ids, Index batch) const override {
    const Index length = sequence_length(ids, batch);
    std::vector<double> logits;
    for (Index i = 0; i < batch * length; ++i) {
      const bool masked = what == Objective::kMasked && i % length > 0;
      const std::int32_t seen = ids[static_cast<std::size_t>(masked ? i - 1 : i)];
      for (Index v = 0; v < kTokens; ++v) logits.push_back(v == seen ? 4 : 0);
    }
    return Tensor::of(Shape{batch, length, kTokens}, logits);
  }
  Index vocabulary() const override { return kTokens; }
  Index context() const override { return kContext; }
  std::string summary() const override { return "repeats"; }
  Objective objective() const override { return what; }
  Objective what;
};

// Random tokens, each twice. "Equal to the token before" is right at every second place.
TokenText doubled(Index count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::int32_t> ids;
  for (Index i = 0; i < count; ++i) ids.insert(ids.end(), 2, static_cast<std::int32_t>(rng.below(kTokens)));
  return {TokenIds(ids), {}};
}

TEST(GapAccuracy, OfModelsWhoseAnswersAreKnown) {
  const TokenText text = doubled(8000, 1);
  // The second of two equal tokens is always right, the first with probability 1/6. Places 1..7 hold four second
  // tokens.
  const double left = (4 + 3.0 / 6) / 7;
  const GapAccuracy masked = gap_accuracy(Repeats(Objective::kMasked), text, 2000),
                    causal = gap_accuracy(Repeats(Objective::kNextToken), text, 2000);
  EXPECT_EQ(masked.gaps, 2000);
  EXPECT_NEAR(masked.filled, left, 0.03);
  EXPECT_EQ(masked.by_sequence, -1);
  EXPECT_EQ(causal.filled, masked.filled) << "the same gaps";
  // Between equal neighbors only their token is likely. Between different neighbors both tokens are equally likely, and
  // one of them is right.
  EXPECT_GT(causal.by_sequence, 0.45);
  EXPECT_NE(causal.by_sequence, causal.filled);
  EXPECT_TRUE(contains(error_of([&] { gap_accuracy(Repeats(Objective::kPairs), text, 10); }), "has no gaps to fill"));
  EXPECT_TRUE(
      contains(error_of([] { gap_accuracy(Repeats(Objective::kMasked), doubled(3, 1), 10); }), "no whole window"));
}

// Both models have equal sizes and see the same windows. The left context determines only the second of two equal
// tokens.
template <class Model>
GapAccuracy trained_accuracy() {
  seed_generator(1);
  const TransformerConfig config{.vocabulary = kTokens, .context = kContext, .layers = 2, .heads = 2, .width = 32};
  Model model(config);
  AdamW optimizer(model.parameters(), {});
  const TokenText text = doubled(20000, 2);
  Rng rng(3);
  std::vector<std::int32_t> inputs(32 * kContext), targets(inputs.size());
  for (int step = 0; step < 300; ++step) {
    for (Index row = 0; row < 32; ++row) {
      const Index start = 2 * rng.below(19000);
      text.ids.read(start, std::span(inputs).subspan(static_cast<std::size_t>(row * kContext), kContext));
      text.ids.read(start + 1, std::span(targets).subspan(static_cast<std::size_t>(row * kContext), kContext));
    }
    model.prepare(inputs, targets, 32, rng);
    Tape tape;
    tape.backward(cross_entropy(model(inputs, 32), targets));
    optimizer.step(5e-3);
    model.zero_grad();
  }
  return gap_accuracy(model, doubled(8000, 4), 1000);
}

TEST(GapAccuracy, AnEncoderBeatsTheLeftContextOfACausalModelOfEqualSize) {
  const GapAccuracy encoder = trained_accuracy<EncoderLM>(), causal = trained_accuracy<TransformerLM>();
  EXPECT_GT(encoder.filled, 0.97);
  EXPECT_NEAR(causal.filled, (4 + 3.0 / 6) / 7, 0.05);
  EXPECT_GT(causal.by_sequence, 0.97) << "the probability of the whole window uses both sides of a gap";
}

}  // namespace
}  // namespace headlight
