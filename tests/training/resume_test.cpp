// Tests of resuming: the same bits after a stop or a kill, and refused resumes.
#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "trainer_fixture.h"

namespace headlight {
namespace {

struct Kind {
  const char* name;
  void (*change)(RunConfig&);
};

class Resume : public TrainerTest, public testing::WithParamInterface<Kind> {
 protected:
  Resume() { GetParam().change(config_); }
  void resume(const std::string& out) { Trainer::resume(config_, data(config_), out)->run(); }
  RunConfig config_ = tiny_config();
};

TEST_P(Resume, AfterAStopAtAnyStepIsBitIdentical) {
  train(config_, run("whole"));
  for (const Index stop : {0, 1, 4, 5, 7, 11}) {
    const std::string out = run("stopped");
    Trainer(config_, data(config_), out).run([&](const StepRecord& r) { return r.step != stop; });
    resume(out);
    SCOPED_TRACE(stop);
    expect_same_run(run("whole"), out);
  }
}

// After a kill, only the files of the last checkpoint remain.
TEST_P(Resume, AfterAKillAtAnyStepIsBitIdentical) {
  train(config_, run("whole"));
  for (const Index last : {0, 1, 5, 6, 10}) {
    const std::string out = run("killed");
    struct Killed {};
    try {
      Trainer(config_, data(config_), out).run([&](const StepRecord& r) -> bool {
        if (r.step == last) throw Killed();
        return true;
      });
    } catch (const Killed&) {
    }
    resume(out);
    SCOPED_TRACE(last);
    expect_same_run(run("whole"), out);
  }
}

TEST_P(Resume, ManyTimesIsBitIdentical) {
  train(config_, run("whole"));
  const std::string out = run("often");
  Trainer(config_, data(config_), out).run([](const StepRecord&) { return false; });
  for (int i = 0; i < 11; ++i)
    Trainer::resume(config_, data(config_), out)->run([](const StepRecord&) { return false; });
  resume(out);
  expect_same_run(run("whole"), out);
}

INSTANTIATE_TEST_SUITE_P(
    Runs, Resume,
    testing::Values(Kind{"plain", [](RunConfig&) {}}, Kind{"dropout", [](RunConfig& c) { c.dropout = 0.2; }},
                    Kind{"accumulate", [](RunConfig& c) { c.accumulate = 3, c.dropout = 0.1; }},
                    Kind{"sgd", [](RunConfig& c) { c.optimizer = "sgd", c.weight_decay = 0.01; }},
                    Kind{"muon", [](RunConfig& c) { c.optimizer = "muon", c.dropout = 0.1; }},
                    Kind{"head_dropout", [](RunConfig& c) { c.head_dropout = 0.3; }},
                    Kind{"remat", [](RunConfig& c) { c.remat = true, c.dropout = 0.1; }},
                    Kind{"epochs", [](RunConfig& c) { c.sampling = Sampling::kEpochs, c.accumulate = 2; }},
                    Kind{"ema", [](RunConfig& c) { c.ema = 0.5; }},
                    Kind{"unvalidated", [](RunConfig& c) { c.val_fraction = 0; }},
                    Kind{"some_windows", [](RunConfig& c) { c.eval_windows = 3; }},
                    Kind{"bytes_rotary",
                         [](RunConfig& c) { c.tokens = TokenUnit::kByte, c.position = "rotary", c.tied = false; }}),
    [](const auto& kind) { return std::string(kind.param.name); });

TEST_F(TrainerTest, ResumesWithAnotherNumberOfThreads) {
  RunConfig c = tiny_config();
  train(c, run("whole"));
  Trainer(c, data(c), run("stopped")).run([](const StepRecord& r) { return r.step != 6; });
  c.threads = 2;
  Trainer::resume(c, data(c), run("stopped"))->run();
  EXPECT_TRUE(read_file(run("whole") + "/state.safetensors") == read_file(run("stopped") + "/state.safetensors"));
}

TEST_F(TrainerTest, RefusesTheStateOfAnotherOptimizer) {
  RunConfig c = tiny_config();
  for (const auto& [from, to, line] :
       {std::tuple{"adamw", "muon", "optimizer adamw, and config.json names muon; write adamw"},
        std::tuple{"muon", "sgd", "optimizer muon, and config.json names sgd; write muon"}}) {
    c.optimizer = from;
    train(c, run("run"));
    const std::string before = read_file(run("run") + "/state.safetensors");
    c.optimizer = to;
    EXPECT_TRUE(
        contains(error_of([&] { Trainer::resume(c, data(c), run("run")); }),
                 cat("state.safetensors: holds the state of ", line, " there, or restart the run with --force")));
    EXPECT_TRUE(before == read_file(run("run") + "/state.safetensors"));
  }
}

TEST_F(TrainerTest, AFinishedRunStaysAsItIs) {
  const RunConfig c = tiny_config();
  train(c, run("run"));
  const Files before = files_of(run("run"));
  const auto trainer = Trainer::resume(c, data(c), run("run"));
  EXPECT_TRUE(trainer->finished());
  trainer->run();
  Files after = files_of(run("run"));
  EXPECT_EQ(timeless(before.at("log.jsonl")), timeless(after.at("log.jsonl")));
  EXPECT_EQ(timeless_csv(before.at("log.csv")), timeless_csv(after.at("log.csv")));
  for (const char* name : {"log.jsonl", "log.csv"}) after[name] = before.at(name);
  EXPECT_TRUE(before == after);
}

TEST_F(TrainerTest, GoesOnFurtherThanPlanned) {
  RunConfig c = tiny_config();
  train(c, run("run"));
  c.steps = 20;
  const auto trainer = Trainer::resume(c, data(c), run("run"));
  EXPECT_FALSE(trainer->finished());
  EXPECT_EQ(trainer->step(), 12);
  trainer->run();
  EXPECT_EQ(trainer->step(), 20);
  EXPECT_EQ(RunDirectory(run("run")).load_info().config.steps, 20);
}

TEST_F(TrainerTest, CannotBeResumedToFewerStepsThanItHas) {
  RunConfig c = tiny_config();
  train(c, run("run"));
  const Files before = files_of(run("run"));
  c.steps = 11;
  EXPECT_TRUE(
      contains(error_of([&] { Trainer::resume(c, data(c), run("run")); }), "is already at step 12; use more steps"));
  EXPECT_TRUE(before == files_of(run("run")));
}

TEST_F(TrainerTest, ResumesTheSameTextOnly) {
  const RunConfig c = tiny_config();
  train(c, run("run"));
  const Files before = files_of(run("run"));
  EXPECT_TRUE(contains(error_of([&] { Trainer::resume(c, data(c, 2), run("run")); }),
                       "the run was trained on a text that differs from "));
  EXPECT_TRUE(before == files_of(run("run")));
  // The state of another run whose tensors have the same shapes.
  write_file_atomically(directory_ / "text2.txt", tiny_text(1, 201));
  Trainer(c, data(c, 2), run("other")).run();
  write_file_atomically(run("run") + "/state.safetensors", read_file(run("other") + "/state.safetensors"));
  EXPECT_TRUE(contains(error_of([&] { Trainer::resume(c, data(c), run("run")); }),
                       "state.safetensors: belongs to a run on another text"));
}

TEST_F(TrainerTest, ARunWithoutItsFirstCheckpointStartsOver) {
  const RunConfig c = tiny_config();
  train(c, run("whole"));
  { const Trainer trainer(c, data(c), run("run")); }
  EXPECT_FALSE(path_exists(run("run") + "/state.safetensors"));
  Trainer::resume(c, data(c), run("run"))->run();
  expect_same_run(run("whole"), run("run"));
  // Trained weights without a state are not replaced.
  remove_file(run("run") + "/state.safetensors");
  const Files before = files_of(run("run"));
  ASSERT_GT(load_model(run("run")).step, 0);
  EXPECT_TRUE(
      contains(error_of([&] { Trainer::resume(c, data(c), run("run")); }), "does not exist, so the run cannot resume"));
  EXPECT_TRUE(before == files_of(run("run")));
}

TEST_F(TrainerTest, RemovesWhatAKilledWriterLeft) {
  const RunConfig c = tiny_config();
  train(c, run("run"));
  write_file_atomically(run("run") + "/state.safetensors.tmp.99", "half");
  write_file_atomically(run("run") + "/mine.txt", "keep");
  Trainer::resume(c, data(c), run("run"))->run();
  EXPECT_FALSE(path_exists(run("run") + "/state.safetensors.tmp.99"));
  EXPECT_EQ(read_file(run("run") + "/mine.txt"), "keep");
  const Trainer again(c, data(c), run("run"));
  EXPECT_EQ(files_of(run("run")).size(), 2u) << "a new run: config.json and mine.txt";
}

TEST_F(TrainerTest, MoreStepsDuringWarmupGiveTheRunThatHadThemFromTheStart) {
  for (const Decay decay : {Decay::kCosine, Decay::kLinear}) {
    RunConfig c = tiny_config();
    c.decay = decay;
    c.warmup = 4;
    c.steps = 20;
    train(c, run("whole"));
    for (const Index at : {0, 3}) {  // for 12 and for 20 steps, step 4 has the peak rate
      c.steps = 12;
      {
        Trainer trainer(c, data(c), run("corrected"));
        trainer.run([&](const StepRecord& r) {
          if (r.step == at) trainer.set_steps(20);
          return r.step != 10;
        });
      }
      c.steps = 20;  // as config.json says
      EXPECT_EQ(RunDirectory(run("corrected")).load_info().config.steps, 20);
      Trainer::resume(c, data(c), run("corrected"))->run();
      expect_same_run(run("whole"), run("corrected"));
    }
  }
}

TEST_F(TrainerTest, TheStepsDoNotChangeAfterWarmup) {
  const RunConfig c = tiny_config();
  Trainer trainer(c, data(c), "");
  std::string early, late;
  trainer.run([&](const StepRecord& r) {
    if (r.step == 1) early = error_of([&] { trainer.set_steps(1); });
    if (r.step == 2) late = error_of([&] { trainer.set_steps(20); });
    return true;
  });
  EXPECT_EQ(early, "trainer: 1 step is too few: the run is at step 2, and warmup has 2");
  EXPECT_EQ(late, "trainer: the steps can change up to step 2, and this is step 3");
  EXPECT_EQ(trainer.step(), 12);
}

}  // namespace
}  // namespace headlight
