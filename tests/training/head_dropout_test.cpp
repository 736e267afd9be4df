// Head dropout: which outputs the hook drops, and that a training step drops heads while a validation does not.
#include "training/head_dropout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "cli/allocations.h"
#include "headlight/base/threads.h"
#include "support/expect_error.h"
#include "support/tiny_run.h"
#include "tensor/sanitized.h"

namespace headlight {
namespace {

RunConfig with_dropout(double p) {
  RunConfig c = tiny_config();
  c.head_dropout = p;
  return c;
}

TEST(HeadDropout, DropsWholeHeadsOfSingleSequences) {
  constexpr Index kBatch = 40, kHeads = 5, kPositions = 3, kSize = 2;
  Rng rng(1);
  const Tensor z = Tensor::normal({kBatch, kHeads, kPositions, kSize}, 0, 1, rng);
  const GeneratorGuard keep;
  seed_generator(2);
  HeadDropout hook(0.25);
  const Tensor once = hook.on_activation({0, HookSite::Kind::kHeadOutputs}, z);
  Index dropped = 0, alike = 0;
  for (Index b = 0; b < kBatch; ++b)
    for (Index h = 0; h < kHeads; ++h) {
      const bool gone = once.at({b, h, 0, 0}) == 0;
      dropped += gone ? 1 : 0;
      alike += gone == (once.at({b, 0, 0, 0}) == 0) ? 1 : 0;
      for (Index t = 0; t < kPositions; ++t)
        for (Index d = 0; d < kSize; ++d)
          EXPECT_NEAR(once.at({b, h, t, d}), gone ? 0 : z.at({b, h, t, d}) / 0.75, 1e-6);
    }
  EXPECT_NEAR(static_cast<double>(dropped) / (kBatch * kHeads), 0.25, 0.1);
  EXPECT_LT(alike, kBatch * kHeads) << "each head is drawn by itself";
  const Tensor again = hook.on_activation({1, HookSite::Kind::kHeadOutputs}, z);
  Index differ = 0;
  for (Index b = 0; b < kBatch; ++b) differ += again.at({b, 0, 0, 0}) != once.at({b, 0, 0, 0}) ? 1 : 0;
  EXPECT_GT(differ, 0) << "each layer draws its own heads";
}

class HeadDropoutTraining : public testing::Test {
 protected:
  ~HeadDropoutTraining() override { set_thread_count(before_); }
  std::vector<StepRecord> train(const RunConfig& config) {
    std::vector<StepRecord> records;
    Trainer(config, tiny_data(directory_, config), "").run([&](const StepRecord& r) {
      records.push_back(r);
      return true;
    });
    return records;
  }
  const TemporaryDirectory directory_;
  const int before_ = thread_count();
};

TEST_F(HeadDropoutTraining, ChangesTheStepAndNotTheValidation) {
  const auto plain = train(with_dropout(0)), dropped = train(with_dropout(0.5));
  EXPECT_EQ(dropped[0].val_loss, plain[0].val_loss);
  EXPECT_NE(dropped[0].loss, plain[0].loss);
  EXPECT_EQ(train(with_dropout(0.5))[11].loss, dropped[11].loss);
}

TEST_F(HeadDropoutTraining, EveryThreadCountGivesTheSameBits) {
  RunConfig c = with_dropout(0.5);
  c.width = 64;
  c.context = 32;
  c.batch = 8;
  c.steps = 4;
  const auto alone = train(c);
  c.threads = 3;
  const auto three = train(c);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(three[i].grad_norm, alone[i].grad_norm);
}

TEST_F(HeadDropoutTraining, AllocatesNothingAfterTheSecondStep) {
  if (tests::kAddressSanitizer) GTEST_SKIP() << "the sanitizer has an operator new of its own";
  RunConfig c = with_dropout(0.3);
  c.steps = 20;
  c.eval_every = 20;
  Index before = 0, after = 0;
  Trainer(c, tiny_data(directory_, c), "").run([&](const StepRecord& r) {
    if (r.step == 2) before = cli::allocated_bytes();
    if (r.step == 19) after = cli::allocated_bytes();
    return true;
  });
  EXPECT_GT(before, 0);
  EXPECT_EQ(after, before);
}

TEST_F(HeadDropoutTraining, NeedsHeads) {
  RunConfig c = with_dropout(0.3);
  c.model = "gru";
  EXPECT_EQ(error_of([&] { c.check(); }), "--head-dropout 0.3: the model gru is not a transformer; leave it out");
  EXPECT_TRUE(contains(error_of([] { with_dropout(1).check(); }), "--head-dropout 1: "));
}

}  // namespace
}  // namespace headlight
