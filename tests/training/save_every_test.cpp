// Tests of --save-every: a kill loses a bounded time, saving costs at most 1 % of the time, and results do not change.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "base/clock.h"
#include "os/process.h"
#include "support/expect_error.h"
#include "support/tiny_run.h"

namespace headlight {
namespace {

class SaveEvery : public testing::Test {
 protected:
  static RunConfig config() {
    RunConfig c = tiny_config();
    c.steps = 300;
    c.eval_every = 140;
    c.dropout = 0.1;
    c.save_every = 1e-6;
    return c;
  }
  RunData data(const RunConfig& c) { return tiny_data(directory_, c); }
  std::string run(const std::string& name) const { return directory_ / name; }
  static Index saved_step(const std::string& run) {
    const std::string state = run + "/state.safetensors";
    return path_exists(state) ? std::stoll(SafeTensors::load(state).metadata().at("step")) : -1;
  }
  static void pause(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }
  TemporaryDirectory directory_;
};

TEST_F(SaveEvery, ResumingFromAnyCheckpointGivesTheSameRun) {
  const RunConfig c = config();
  RunConfig without = c;
  without.save_every = 0;
  Trainer(without, data(c), run("whole")).run();
  // A copy of the directory some steps after a checkpoint equals what a kill would leave.
  std::vector<std::string> copies;
  Index last = 0;
  {
    Trainer trainer(c, data(c), run("run"));
    trainer.run(
        [&](const StepRecord&) {
          pause(3e-3);
          return true;
        },
        [&](const StepRecord& r) {
          const Index saved = saved_step(run("run"));
          if (saved % c.eval_every == 0 || saved == last || r.step < saved + 3) return;
          last = saved;
          copies.push_back(run(cat("killed-", saved)));
          std::filesystem::copy(run("run"), copies.back());
        });
  }
  EXPECT_GE(copies.size(), 1u) << "checkpoints between validations";
  Trainer::resume(without, data(c), run("run"))->run();  // writes the same settings into config.json
  expect_same_run(run("whole"), run("run"));
  for (const std::string& copy : copies) {
    SCOPED_TRACE(copy);
    const auto trainer = Trainer::resume(without, data(c), copy);
    EXPECT_NE(trainer->step() % c.eval_every, 0);
    trainer->run();
    expect_same_run(run("whole"), copy);
  }
}

TEST_F(SaveEvery, CostsAHundredthOfTheTime) {
  RunConfig c = config();
  c.steps = 100'000'000;
  c.eval_every = 100'000'000;
  Trainer trainer(c, data(c), run("run"));
  const double began = monotonic_seconds();
  double left = 0, took = 0, saved_at = 0;
  Index saved = 0;
  std::vector<double> waits;  // before each checkpoint, in units of the duration of the previous checkpoint
  // Between the first callback and the next call of the second, the trainer only writes a checkpoint.
  trainer.run(
      [&](const StepRecord&) {
        left = monotonic_seconds();
        return waits.size() < 5 && left - began < 60;
      },
      [&](const StepRecord&) {
        const double now = monotonic_seconds();
        if (left == 0 || now - left < 1e-4 || saved_step(run("run")) == saved) return;
        if (took > 0) waits.push_back((left - saved_at) / took);
        saved = saved_step(run("run"));
        took = now - left;
        saved_at = now;
      });
  ASSERT_GE(waits.size(), 3u);
  std::sort(waits.begin(), waits.end());
  // The median, because the system may delay this thread near a checkpoint.
  EXPECT_GE(waits[waits.size() / 2], 80);
}

TEST_F(SaveEvery, SavesAfterTheIntervalAndNotBefore) {
  RunConfig c = config();
  c.eval_every = 1'000'000;
  for (const double every : {0.0, 0.25, 1000.0}) {
    c.save_every = every;
    c.steps = 100'000;
    const std::string out = run(cat("run-", every));
    Trainer trainer(c, data(c), out);
    double first = 0;
    const double began = monotonic_seconds();
    trainer.run([&](const StepRecord&) {
      pause(2e-3);
      if (first == 0 && saved_step(out) > 0) first = monotonic_seconds() - began;
      return every == 0.25 ? first == 0 : monotonic_seconds() - began < 0.5;
    });
    if (every == 0.25) EXPECT_GE(first, 0.25);
    else EXPECT_EQ(first, 0) << every;
  }
}

TEST_F(SaveEvery, WeightsThatAreNotFiniteAreLeftToTheNextStep) {
  RunConfig c = config();
  c.eval_every = 1'000'000;
  const auto line_of = [&](double save_every) {
    c.save_every = save_every;
    const std::string out = run(cat("run-", save_every));
    Trainer trainer(c, data(c), out);
    return error_of([&] {
      trainer.run([&](const StepRecord& r) {
        if (r.step == 7) {
          pause(0.5);  // a checkpoint is due
          Tensor(trainer.model().parameters().back().value).fill(INFINITY);
        }
        return true;
      });
    });
  };
  const std::string line = line_of(0);
  EXPECT_TRUE(contains(line, "training diverged at step 8: the loss (first in ")) << line;
  EXPECT_EQ(line_of(1e-6), line);
  EXPECT_LT(saved_step(run("run-1e-06")), 8);
}

}  // namespace
}  // namespace headlight
