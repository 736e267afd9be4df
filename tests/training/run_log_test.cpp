// Tests of log.jsonl and log.csv: format, resume, damaged lines, and patience.
#include "training/run_log.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/expect_error.h"
#include "support/tiny_run.h"

namespace headlight {
namespace {

StepRecord record(Index step, double val_loss = kNotMeasured) {
  return {.step = step,
          .loss = 2.5,
          .val_loss = val_loss,
          .lr = 0.001,
          .grad_norm = 1.25,
          .tokens_per_second = 1000.4,
          .seconds = 0.5 * static_cast<double>(step)};
}

class RunLogTest : public testing::Test {
 protected:
  const std::string json() const { return read_file(directory_ / "log.jsonl"); }
  const std::string csv() const { return read_file(directory_ / "log.csv"); }
  TemporaryDirectory directory_;
};

TEST_F(RunLogTest, WritesBothFilesAlike) {
  RunLog log(directory_.path());
  log.add(record(0, 3));
  log.add(record(1));
  EXPECT_FALSE(contains(csv(), "\n1,")) << "held back";
  log.flush();
  EXPECT_EQ(csv(),
            "step,loss,val_loss,lr,grad_norm,tokens_per_second,seconds\n0,2.5,3.0,0.001,1.25,1000.0,0.0\n"
            "1,2.5,,0.001,1.25,1000.0,0.5\n");
  const std::vector<StepRecord> read = read_log(directory_ / "log.jsonl");
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].val_loss, 3);
  EXPECT_TRUE(std::isnan(read[1].val_loss));
  EXPECT_EQ(read[1].step, 1);
  EXPECT_EQ(read[1].seconds, 0.5);
}

TEST_F(RunLogTest, AfterAResumeHoldsEveryStepOnce) {
  {
    RunLog log(directory_.path());
    for (Index i = 0; i < 9; ++i) log.add(record(i, 3));
  }
  RunLog log(directory_.path());
  EXPECT_EQ(log.cut_from(6).seconds, 2.5) << "seconds of step 5";
  for (Index i = 6; i < 12; ++i) log.add(record(i, 3));
  const std::vector<StepRecord> read = read_log(directory_ / "log.jsonl");
  ASSERT_EQ(read.size(), 12u);
  std::string expected = cat(kCsvHeader, "\n");
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(read[i].step, static_cast<Index>(i));
    expected += csv_line(read[i]) + "\n";
  }
  EXPECT_EQ(csv(), expected);
}

TEST_F(RunLogTest, ADamagedCsvIsRebuilt) {
  RunLog log(directory_.path());
  for (Index i = 0; i < 4; ++i) log.add(record(i, 3));
  const std::string whole = csv();
  for (const std::string& damaged : {std::string(), whole.substr(0, whole.size() - 9), whole + whole}) {
    write_file_atomically(directory_ / "log.csv", damaged);
    RunLog again(directory_.path());
    again.cut_from(4);
    EXPECT_EQ(csv(), whole);
  }
  remove_file(directory_ / "log.csv");
  RunLog(directory_.path()).cut_from(4);
  EXPECT_EQ(csv(), whole);
}

// After a power failure, the lines written before the checkpoint are complete; anything may follow them.
TEST_F(RunLogTest, IgnoresLinesAfterTheCheckpoint) {
  {
    RunLog log(directory_.path());
    for (Index i = 0; i < 6; ++i) log.add(record(i, 3));
    log.flush_to_disk();
  }
  const std::string whole = json();
  for (const std::string& damage :
       {std::string("{\"step\":6,\"lo"), std::string(4000, '\0'), std::string(3, '\0') + "\n{}\n",
        std::string("{\"step\":6,\"lo\n{\"step\":7}\n"), std::string("\n\n")}) {
    write_file_atomically(directory_ / "log.jsonl", whole + damage);
    RunLog log(directory_.path());
    EXPECT_EQ(log.cut_from(6).seconds, 2.5);
    EXPECT_EQ(json(), whole);
    log.add(record(6, 3));
    EXPECT_EQ(read_log(directory_ / "log.jsonl").size(), 7u);
  }
  write_file_atomically(directory_ / "log.jsonl", std::string("nothing of ours\n"));
  EXPECT_TRUE(contains(error_of([&] { RunLog(directory_.path()).cut_from(3); }), "line 1 is not a log record"));
  RunLog(directory_.path()).cut_from(0);
  EXPECT_EQ(json(), "");
}

TEST_F(RunLogTest, StepsAfterAGapAreDropped) {
  RunLog log(directory_.path());
  for (const Index step : {0, 1, 2, 7, 8}) log.add(record(step, 3));
  log.flush();
  EXPECT_EQ(log.cut_from(6).step, 2);
  EXPECT_EQ(read_log(directory_ / "log.jsonl").size(), 3u);
}

TEST_F(RunLogTest, ReadsWhatIsWholeAndRefusesWhatIsForeign) {
  const std::string name = directory_ / "log.jsonl", line = json_line(record(0));
  write_file_atomically(name, line + "\n" + line.substr(0, 20));
  EXPECT_EQ(read_log(name).size(), 1u) << "cut short";
  for (const char* bad : {"{}", "[]", "x", "{\"step\":-1}", "{\"step\":1,\"loss\":\"x\"}", "{\"step\":0.5}",
                          "{\"step\":1,\"seconds\":1e308}"}) {
    write_file_atomically(name, line + "\n" + bad + "\n");
    EXPECT_TRUE(contains(error_of([&] { read_log(name); }), "log.jsonl: line 2 is not a log record")) << bad;
  }
  EXPECT_TRUE(contains(error_of([&] { read_log(directory_ / "none"); }), "no such file"));
}

// With a learning rate that is far too high, no validation is better than the first.
TEST_F(RunLogTest, PatienceEndsARunAndMoreOfItGoesOn) {
  RunConfig c = tiny_config();
  c.steps = 400;
  c.lr = 3;  // the loss only increases
  c.min_lr = 3;
  c.optimizer = "sgd";
  c.momentum = 0;
  c.clip = 1;
  c.patience = 3;
  const RunData data = tiny_data(directory_, c);
  const std::string run = directory_ / "run";
  auto trainer = std::make_unique<Trainer>(c, data, run);
  trainer->run();
  EXPECT_TRUE(trainer->finished());
  const Index end = trainer->step();
  ASSERT_LT(end, 400);
  EXPECT_EQ(end, trainer->best_step() + 3 * c.eval_every);
  trainer.reset();  // only one trainer may write a run
  const std::vector<StepRecord> log = read_log(run + "/log.jsonl");
  EXPECT_EQ(log.back().step, end);
  EXPECT_TRUE(std::isnan(log.back().loss));
  // Resumed with the same patience, the run stays finished. With more patience, the run continues as if it had had this
  // patience from the start.
  auto again = Trainer::resume(c, data, run);
  EXPECT_TRUE(again->finished());
  again->run();
  EXPECT_EQ(again->step(), end);
  again.reset();
  c.patience = 0;
  c.steps = end + 7;
  const auto on = Trainer::resume(c, data, run);
  EXPECT_FALSE(on->finished());
  on->run();
  EXPECT_EQ(on->step(), c.steps);
  Trainer whole(c, data, directory_ / "whole");
  whole.run();
  expect_same_run(run, directory_ / "whole");
}

}  // namespace
}  // namespace headlight
