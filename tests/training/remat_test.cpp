// The setting --remat: training has the same bits in less memory, and families that recompute nothing refuse it.
#include <gtest/gtest.h>

#include "headlight/tensor/pool.h"
#include "support/expect_error.h"
#include "tensor/sanitized.h"
#include "training/named_config.h"
#include "training/trainer.h"

namespace headlight {
namespace {

// A small model of the family and settings in `name` (tests::named_config()).
RunConfig small(const std::string& name) {
  RunConfig c = tests::named_config(name);
  c.layers = 2, c.heads = 2, c.width = 16, c.context = c.model == "encoder-decoder" ? 48 : 20;
  c.corpus = c.model == "encoder-decoder" ? "numbers" : "tales";
  c.batch = 3, c.steps = 3, c.warmup = 1, c.eval_every = 3, c.eval_windows = 1, c.corpus_chars = 4000;
  return c;
}

// Losses and gradient norms of all steps.
std::vector<double> numbers_of(const RunConfig& c) {
  std::vector<double> all;
  Trainer(c, load_run_data(c), "").run([&](const StepRecord& r) {
    all.insert(all.end(), {r.loss, r.grad_norm});
    return r.step < 2;
  });
  return all;
}

TEST(Remat, ChangesNoBit) {
  std::vector<std::string> names = {"encoder dropout=0.2", "encoder-decoder dropout=0.2", "conv dropout=0.2"};
  for (const AttentionKind& kind : attention_kinds())
    for (const char* more : {"", " position=rotary", " kv-heads=1 position=none", " head-dropout=0.3",
                             " head-dropout=0.3 position=rotary precision=bf16"})
      names.push_back(cat("transformer dropout=0.2 attention=", kind.name, kind.argument.empty() ? "" : ":5", more));
  for (const FeedForwardKind& kind : feed_forward_kinds()) names.push_back("transformer feed-forward=" + kind.name);
  for (const ActivationKind& kind : activation_kinds()) names.push_back("transformer activation=" + kind.name);
  for (const NormKind& kind : norm_kinds()) names.push_back("transformer pre-norm=no norm=" + kind.name);
  for (const std::string& name : names) {
    RunConfig c = small(name);
    const std::vector<double> stored = numbers_of(c);
    c.remat = true;
    EXPECT_EQ(numbers_of(c), stored) << name;
  }
}

TEST(Remat, IsRefusedByNameWhereNothingIsRecomputed) {
  RunConfig c;
  c.remat = true;
  c.check();
  c.model = "lstm";
  EXPECT_EQ(error_of([&] { c.check(); }),
            "--remat: the model lstm stores nothing that could be recomputed; omit the flag");
}

TEST(Remat, TrainingStepsTakeLessMemory) {
  if (tests::kAddressSanitizer) GTEST_SKIP() << "under AddressSanitizer, the pool sends every request to the system";
  RunConfig c;
  c.layers = 2, c.heads = 2, c.corpus_chars = 4000;
  c.width = 64, c.context = 64, c.batch = 16, c.steps = 2, c.warmup = 1, c.eval_windows = 1;
  std::vector<Index> peaks;
  for (const bool remat : {false, true}) {
    c.remat = remat;
    const Index before = pool_stats().bytes_in_use;
    pool_reset_peak();
    Trainer(c, load_run_data(c), "").run();
    peaks.push_back(pool_stats().bytes_peak - before);
  }
  EXPECT_LT(peaks[1], peaks[0] - 2 * c.layers * c.batch * c.context * c.width * 4);
}

}  // namespace
}  // namespace headlight
