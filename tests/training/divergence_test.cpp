// Tests of divergence with finite losses: which validations count, which warnings appear, and when a run stops.
#include <gtest/gtest.h>

#include <cmath>

#include "base/format.h"
#include "support/expect_error.h"
#include "support/tiny_run.h"

namespace headlight {
namespace {

class Divergence : public testing::Test {
 protected:
  // The warnings after each validation, and how the run ended.
  struct Seen {
    std::vector<std::string> warnings;
    std::vector<Index> at;
    std::vector<StepRecord> records;
    std::string error;
    bool diverged = false;
  };
  Seen train(Trainer& trainer, Index stop_after = -1) {
    Seen seen;
    try {
      trainer.run([&](const StepRecord& r) {
        seen.records.push_back(r);
        if (std::isnan(r.val_loss)) return r.step != stop_after;
        if (const std::string text = trainer.warning(); !text.empty()) {
          seen.warnings.push_back(text);
          seen.at.push_back(r.step);
        }
        return r.step != stop_after;
      });
    } catch (const DivergedError& e) {
      seen.error = e.what();
      seen.diverged = e.exit_code() == 3;
    }
    return seen;
  }
  Seen train(const RunConfig& config, const std::string& out = "") {
    Trainer trainer(config, tiny_data(directory_, config), out);
    return train(trainer);
  }
  // A learning rate at which every training diverges without a NaN.
  static RunConfig wild() {
    RunConfig c = tiny_config();
    c.lr = c.min_lr = 10;
    c.clip = 0;
    c.warmup = 2;
    c.steps = 40;
    return c;
  }
  TemporaryDirectory directory_;
};

TEST_F(Divergence, WarnsOnceAtTheThirdValidationInARow) {
  const Seen seen = train(wild());
  ASSERT_EQ(seen.records.size(), 41u) << "nothing stops it";
  // The expected warnings, computed from the records by the rule in trainer.h.
  const double guess = std::log(static_cast<double>(tiny_data(directory_, wild()).vocabulary.size()));
  const double limit = std::max(guess, seen.records[0].val_loss) + 0.1;
  Index row = 0, third = -1;
  for (std::size_t i = 1; i < seen.records.size(); ++i) {
    const double val = seen.records[i].val_loss;
    if (std::isnan(val)) continue;
    row = i > 2 && val > limit && seen.records[i - 1].loss > limit ? row + 1 : 0;
    if (row == 3 && third < 0) third = static_cast<Index>(i);
  }
  ASSERT_GT(third, 0) << "or there is nothing to test";
  ASSERT_FALSE(seen.at.empty());
  EXPECT_EQ(seen.at[0], third);
  EXPECT_EQ(seen.warnings.size(), 1u) << "not again at the end";
  EXPECT_TRUE(contains(seen.warnings[0],
                       cat("worse than a uniform guess (", fixed_text(guess, 2), "), at 3 validations in a row")));
  EXPECT_TRUE(contains(seen.warnings[0], "restart with --lr 0.01 instead of 10 and --clip 1"));
}

TEST_F(Divergence, TheRateThatIsSuggestedTrains) {
  RunConfig c = wild();
  c.lr = 0.01, c.min_lr = 0.001, c.clip = 1;
  const Seen seen = train(c);
  EXPECT_TRUE(seen.warnings.empty());
  EXPECT_LT(seen.records.back().val_loss, seen.records[0].val_loss);
}

TEST_F(Divergence, EndsTheRunAndKeepsTheBestCheckpoint) {
  RunConfig c = wild();
  const Seen warned = train(c);
  c.stop_on_divergence = true;
  const Seen seen = train(c, directory_ / "run");
  EXPECT_TRUE(seen.diverged);
  EXPECT_TRUE(seen.warnings.empty()) << "the error replaces the warning";
  EXPECT_EQ(static_cast<Index>(seen.records.size()), warned.at[0]) << "no step is made after the third";
  EXPECT_TRUE(contains(seen.error, cat("training diverged at step ", warned.at[0], ": the validation loss is ")));
  EXPECT_TRUE(contains(seen.error, "the checkpoint of step 0 is kept; restart with --lr 0.01 instead of 10"));
  EXPECT_EQ(load_model(directory_ / "run").step, 0);
  EXPECT_EQ(load_model(directory_ / "run").val_loss, seen.records[0].val_loss);
  const std::vector<StepRecord> log = read_log(directory_ / "run/log.jsonl");
  EXPECT_EQ(log.back().step, warned.at[0]);
  EXPECT_GT(log.back().val_loss, 3) << "the log has the validation that ended it";
}

TEST_F(Divergence, AResumedRunEndsAtTheSameStep) {
  RunConfig c = wild();
  c.stop_on_divergence = true;
  const Seen whole = train(c, directory_ / "whole");
  ASSERT_TRUE(whole.diverged);
  const auto last = static_cast<Index>(whole.records.size());
  for (Index stop = 0; stop < last; ++stop) {
    const std::string out = directory_ / "part";
    {
      Trainer first(c, tiny_data(directory_, c), out);
      train(first, stop);
    }
    const Seen rest = train(*Trainer::resume(c, tiny_data(directory_, c), out));
    EXPECT_TRUE(rest.diverged) << stop;
    EXPECT_EQ(rest.error, whole.error) << stop;
    EXPECT_EQ(read_file(directory_ / "part/state.safetensors") == read_file(directory_ / "whole/state.safetensors"),
              true)
        << stop;
  }
  // Resumed with the same settings, the run ends at once; with stop_on_divergence off, the run continues.
  EXPECT_EQ(train(*Trainer::resume(c, tiny_data(directory_, c), directory_ / "whole")).error, whole.error);
  c.stop_on_divergence = false;
  const Seen on = train(*Trainer::resume(c, tiny_data(directory_, c), directory_ / "whole"));
  EXPECT_FALSE(on.diverged);
  EXPECT_EQ(on.records.back().step, c.steps);
}

TEST_F(Divergence, SaysNothingOfHealthyRuns) {
  for (const double lr : {1e-3, 1e-2, 5e-2})
    for (const char* optimizer : {"adamw", "sgd"}) {
      RunConfig c = tiny_config();
      c.lr = lr, c.min_lr = 1e-4, c.optimizer = optimizer;
      c.steps = 60, c.warmup = 0, c.eval_every = 3, c.stop_on_divergence = true;
      const Seen seen = train(c);
      EXPECT_EQ(seen.error, "") << lr;
      EXPECT_TRUE(seen.warnings.empty()) << lr << ": " << seen.warnings[0];
    }
}

// A loss increase at the beginning, longer than three validations, is not counted during warmup.
TEST_F(Divergence, ARiseThatTheWarmUpCoversIsNotCounted) {
  RunConfig c = wild();
  c.warmup = 38, c.stop_on_divergence = true;
  const Seen seen = train(c);
  Index above = 0;
  for (const StepRecord& r : seen.records) above += r.val_loss > 3.2 ? 1 : 0;
  EXPECT_GE(above, 3) << "or there is no rise";
  EXPECT_EQ(seen.error, "");
  EXPECT_LE(seen.warnings.size(), 1u) << "at the end it is still worse than it began";
}

// The validation part is in another language, so the validation loss rises as the training loss falls.
TEST_F(Divergence, OverfittingIsNotDivergence) {
  RunConfig c = tiny_config();
  std::string text;
  for (int i = 0; i < 160; ++i) text += "abcd";
  for (int i = 0; i < 40; ++i) text += "dcba";
  write_file_atomically(directory_ / "turned.txt", text);
  c.data = directory_ / "turned.txt";
  c.steps = 80, c.eval_every = 5, c.stop_on_divergence = true;
  Trainer trainer(c, load_run_data(c), "");
  const Seen seen = train(trainer);
  EXPECT_FALSE(seen.diverged) << seen.error;
  ASSERT_EQ(seen.warnings.size(), 1u);
  EXPECT_EQ(seen.at[0], 80);
  EXPECT_TRUE(contains(seen.warnings[0], "so the model overfits: use more text"));
}

}  // namespace
}  // namespace headlight
