// Training with bfloat16 products: thread counts, resuming, and the loss compared with float32.
#include <gtest/gtest.h>

#include <cmath>

#include "headlight/base/threads.h"
#include "support/expect_error.h"
#include "support/files.h"
#include "support/temporary_directory.h"
#include "training/resolve.h"
#include "training/trainer.h"

namespace headlight {
namespace {

// Products large enough to be divided among threads.
RunConfig config_of(Precision precision, Index threads) {
  RunConfig c;
  c.layers = 2, c.heads = 2, c.width = 48, c.context = 32, c.batch = 16;
  c.steps = 12, c.eval_every = 6, c.warmup = 2, c.eval_windows = 8;
  c.corpus_chars = 4000;
  c.optimizer = "muon";
  c.precision = precision;
  c.threads = threads;
  return c;
}

class PrecisionTest : public testing::Test {
 protected:
  void TearDown() override { set_thread_count(threads_); }

  std::string weights(const std::string& run) const { return read_file(directory_ / run + "/model.safetensors"); }

  const TemporaryDirectory directory_;

 private:
  int threads_ = thread_count();
};

TEST_F(PrecisionTest, Bf16GivesTheSameBytesForEveryNumberOfThreadsAndWhenResumed) {
  for (const Index threads : {1, 2, 3}) {
    const std::string name = cat(threads);
    const RunConfig c = config_of(Precision::kBf16, threads);
    Trainer(c, load_run_data(c), directory_ / name).run();
    EXPECT_EQ(weights(name), weights("1")) << threads << " threads";
  }
  const RunConfig c = config_of(Precision::kBf16, 2);
  Trainer(c, load_run_data(c), directory_ / "part").run([](const StepRecord& r) { return r.step < 4; });
  const RunInfo stored = RunDirectory(directory_ / "part").load_info();
  EXPECT_EQ(stored.config.precision, Precision::kBf16);
  // Another precision would give other weights, so resuming refuses it.
  RequestedSettings asked;
  asked.flags = {{"precision", "float32"}};
  EXPECT_TRUE(contains(error_of([&] { resolve_resumed(asked, stored, "part"); }),
                       "--precision float32: the run in part has bf16, and a resumed run keeps this value"));
  asked.flags = {{"precision", "bf16"}};
  const RunConfig same = resolve_resumed(asked, stored, "part");
  Trainer::resume(same, load_run_data(same), directory_ / "part")->run();
  EXPECT_EQ(weights("part"), weights("1"));
}

TEST_F(PrecisionTest, OnlyTheTrainingStepsDifferFromFloat32) {
  std::vector<double> first, last;
  for (const Precision precision : {Precision::kFloat32, Precision::kBf16}) {
    RunConfig c = config_of(precision, 2);
    c.optimizer = "adamw";
    c.lr = 0.005, c.steps = 60, c.eval_every = 30;
    Trainer trainer(c, load_run_data(c), directory_ / cat(first.size()));
    trainer.run([&](const StepRecord& r) {
      if (r.step == 0) first.push_back(r.val_loss);
      return true;
    });
    last.push_back(trainer.last_val_loss());
  }
  EXPECT_EQ(first[0], first[1]) << "validation computes in float32";
  EXPECT_NE(weights("0"), weights("1"));
  EXPECT_LT(last[0], first[0] - 0.5) << "too few steps for a comparison";
  EXPECT_NEAR(last[0], last[1], 0.01);
}

TEST_F(PrecisionTest, RefusesOtherNames) {
  RunConfig c;
  EXPECT_TRUE(contains(error_of([&] { set_from_text(c, *find_setting("precision"), "fp16"); }),
                       "--precision fp16: not one of float32, bf16"));
}

}  // namespace
}  // namespace headlight
