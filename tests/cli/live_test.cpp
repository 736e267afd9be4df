// Tests of the live view on a terminal: frames, window resizing, and the plan of a run with a time budget.
#include <cstdlib>
#include <thread>

#include "base/format.h"
#include "cli/tiny_run.h"
#include "support/on_terminal.h"
#include "training/run_directory.h"
#include "training/run_log.h"

namespace headlight {
namespace {

class Live : public TinyRun {
 protected:
  Words slow() const {
    Words words = train(directory_ / "live");
    for (std::size_t i = 0; i < words.size(); ++i)
      if (words[i] == "--steps" || words[i] == "--eval-every") words[i + 1] = "100000000";
    return words;
  }
  static constexpr const char* kEnter = "\033[?1049h\033[?25l";
  static constexpr const char* kLeave = "\033[?25h\033[?1049l";
};

TEST_F(Live, TheLastFrameStaysAndTheScreenComesBack) {
  OnTerminal terminal(train(directory_ / "new"), 80, 24);
  EXPECT_EQ(terminal.wait(), 0) << terminal.seen;
  const std::size_t enter = terminal.seen.find(kEnter), leave = terminal.seen.find(kLeave);
  ASSERT_NE(enter, std::string::npos);
  ASSERT_NE(leave, std::string::npos);
  EXPECT_EQ(terminal.seen.find(kEnter, enter + 1), std::string::npos) << "once";
  const std::string after = terminal.seen.substr(leave);
  for (const char* part : {"100%  step 9/9  took", "validation", "bigram", "⠤", "best    validation loss", "next    "})
    EXPECT_TRUE(contains(after, part)) << after;
  EXPECT_TRUE(contains(terminal.seen.substr(0, enter), "plan    9 steps")) << "the plan stands before";
}

TEST_F(Live, FollowsTheWindowAndEndsCleanlyOnCtrlC) {
  OnTerminal terminal(slow(), 80, 24);
  ASSERT_TRUE(terminal.read_until("\033[H")) << terminal.seen;
  ASSERT_TRUE(terminal.read_until("unigram")) << "a legend where there is room";
  terminal.resize(40, 6);
  // The frame for the new window has a short bar and no legend.
  for (int frame = 0; frame < 4; ++frame) ASSERT_TRUE(terminal.read_until("\033[H"));
  const std::string small = terminal.seen.substr(terminal.seen.rfind("\033[H", terminal.seen.size() - 4));
  EXPECT_FALSE(contains(small, "unigram")) << small;
  terminal.type("\003");
  EXPECT_EQ(terminal.wait(), 130);
  const std::size_t leave = terminal.seen.find(kLeave);
  ASSERT_NE(leave, std::string::npos);
  EXPECT_TRUE(contains(terminal.seen.substr(leave), "train --resume --out")) << terminal.seen.substr(leave);
  EXPECT_FALSE(contains(terminal.seen.substr(leave), kEnter));
}

TEST_F(Live, AResumedRunShowsWhatCameBefore) {
  finished();
  // The first frame shows step 9; the next validation is at step 12.
  OnTerminal terminal({"train", "--resume", "--out", run_, "--steps", "1000000"}, 80, 24);
  ASSERT_TRUE(terminal.read_until("\033[H")) << terminal.seen;
  ASSERT_TRUE(terminal.read_until("\033[J"));
  const std::size_t begin = terminal.seen.find("\033[H");
  const std::string frame = terminal.seen.substr(begin, terminal.seen.find("\033[J", begin) - begin);
  for (const char* part : {"step 10/", "validation 3.", "   best 3.", " at step 9"})
    EXPECT_TRUE(contains(frame, part)) << frame;
}

TEST_F(Live, ATextIsAskedForAtTheTerminalButNotASecondTime) {
  {
    OnTerminal terminal({"train", "--data", "-", "--layers", "1", "--heads", "1", "--width", "8", "--context", "8",
                         "--steps", "2", "--val-fraction", "0", "--plain", "--out", run_},
                        80, 24);
    ASSERT_TRUE(terminal.read_until("Ctrl-D at the start of a line ends it")) << terminal.seen;
    terminal.type("what is typed is a text\n\004");
    EXPECT_EQ(terminal.wait(), 0) << terminal.seen;
    EXPECT_TRUE(contains(terminal.seen, "text    standard input: 24 tokens")) << terminal.seen;
  }
  for (const Words& words : {Words{"train", "--resume", "--out", run_}, Words{"heads", run_}}) {
    OnTerminal terminal(words, 80, 24);
    EXPECT_EQ(terminal.wait(), 1);
    EXPECT_TRUE(contains(terminal.seen, "was trained on standard input, which is now a terminal")) << terminal.seen;
  }
}

TEST_F(Live, ADivergedRunLeavesTheScreenBeforeItsError) {
  OnTerminal terminal(train(directory_ / "bad", {"--optimizer", "sgd", "--lr", "10", "--min-lr", "10", "--clip", "0",
                                                 "--weight-decay", "10", "--momentum", "0", "--decay", "constant"}) +
                          Words{"--no-tied"},
                      80, 24);
  const int code = terminal.wait();
  const std::size_t leave = terminal.seen.find(kLeave), error = terminal.seen.find("headlight: training diverged");
  if (code == 3) {
    EXPECT_LT(leave, error);
  }
  EXPECT_NE(leave, std::string::npos);
}

TEST_F(Live, PlainIsLinesAndQuietIsNothing) {
  for (const char* flag : {"--plain", "--no-color"}) {
    OnTerminal terminal(train(directory_ / flag, {flag}), 80, 24);
    EXPECT_EQ(terminal.wait(), 0);
    EXPECT_EQ(terminal.seen.find('\033'), std::string::npos) << terminal.seen;
    EXPECT_TRUE(contains(terminal.seen, "step 9/9"));
  }
  OnTerminal terminal(train(directory_ / "quiet", {"--quiet"}), 80, 24);
  EXPECT_EQ(terminal.wait(), 0);
  EXPECT_EQ(terminal.seen, "");
}

TEST_F(Live, ATimeIsPlannedAndSaidBeforeTheFirstStep) {
  const std::string out = directory_ / "timed";
  const Result r = run_program({"train", "--data", data_, "--out", out, "--minutes", "0.06", "--seed", "5"});
  EXPECT_EQ(r.code, 0) << r.err;
  const std::size_t first = r.err.find("step 0/");
  for (const char* part : {"to plan 0.06 minutes of training", "text    ", "model   ", "plan    ", "machine ",
                           "time    0:0", "expect  a validation loss of about "}) {
    ASSERT_TRUE(contains(r.err, part)) << r.err;
    EXPECT_LT(r.err.find(part), first) << part;
  }
  const RunConfig c = RunDirectory(out).load_info().config;
  EXPECT_EQ(c.seed, 5);
  EXPECT_EQ(c.position, "rotary");
  EXPECT_TRUE(c.stop_on_divergence) << "on with --minutes";
  const Result minute = run_program({"train", "--data", data_, "--minutes", "1", "--print-config"});
  EXPECT_TRUE(contains(minute.err, "to plan 1 minute of training\n"));
  expect_refused({"train", "--data", data_, "--out", out, "--minutes", "1", "--steps", "5"}, 2, "cannot both be given");
  expect_refused({"train", "--data", data_, "--out", directory_ / "x", "--minutes", "0"}, 2, "--minutes 0");
}

TEST_F(Live, ARunIsPlotted) {
  const std::string svg = directory_ / "loss.svg";
  const Result r = run_program({"plot", finished(), "--svg", svg, "--width", "60", "--height", "12"});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.err, "");
  EXPECT_EQ(r.out.find('\033'), std::string::npos);
  for (const char* part : {"┤", "└┬", "step", "a training   b validation", ": 9 steps, 0:00, best validation loss "})
    EXPECT_TRUE(contains(r.out, part)) << r.out;
  EXPECT_TRUE(contains(read_file(svg), "<polyline"));
  // The losses of the n-gram counts are stored in the run and drawn as dashed lines.
  const std::vector<double> counting = RunDirectory(run_).load_info().counting;
  ASSERT_EQ(counting.size(), 2u);
  EXPECT_GT(counting[0], counting[1]);
  EXPECT_TRUE(
      contains(r.out, cat("╌ unigram ", fixed_text(counting[0], 2), "   ╌ bigram ", fixed_text(counting[1], 2))))
      << r.out;
  EXPECT_TRUE(contains(read_file(svg), "stroke-dasharray"));
  EXPECT_FALSE(contains(run_program({"plot", run_, "--what", "lr"}).out, "bigram"));
  const std::string tales = directory_ / "floor";
  ASSERT_EQ(run_program({"train", "--corpus", "tales", "--corpus-chars", "9000", "--layers", "1", "--heads", "1",
                         "--width", "8", "--context", "16", "--steps", "3", "--quiet", "--out", tales})
                .code,
            0);
  EXPECT_TRUE(contains(run_program({"plot", tales}).out, "╌ floor 0."));
  EXPECT_FALSE(contains(run_program({"plot", tales, run_}).out, "╌")) << "runs on different texts share no reference";
  const std::string other = directory_ / "other";
  ASSERT_EQ(run_program(train(other)).code, 0);
  const Result two = run_program({"plot", run_, other + "/", "--time"});
  EXPECT_EQ(two.code, 0) << two.err;
  EXPECT_TRUE(contains(two.out, "a run   b other")) << two.out;
  EXPECT_EQ(run_program({"plot", run_, "--svg", "-"}).out.rfind("<svg ", 0), 0u);
  // The same values as numbers: 9 steps, and the final record, whose training loss is not measured.
  const Json json = parse_json(run_program({"plot", run_, other, "--json"}).out, "plot");
  ASSERT_EQ(json.find("runs")->if_array()->size(), 2u);
  const Json& first = json.find("runs")->if_array()->front();
  const std::vector<StepRecord> log = read_log(run_ + "/log.jsonl");
  EXPECT_EQ(*first.find("run")->if_string(), run_);
  EXPECT_EQ(first.find("loss")->if_array()->size(), 9u);
  EXPECT_EQ(*first.find("val_loss")->if_array()->front().if_array()->back().if_double(), log.front().val_loss);
  EXPECT_EQ(*first.find("levels")->find("unigram")->if_double(), counting[0]);
  EXPECT_EQ(run_program({"plot", run_, "--json", "--svg", "-"}).code, 2);
  for (const char* what : {"lr", "gradient", "speed"})
    EXPECT_EQ(run_program({"plot", run_, "--what", what}).code, 0) << what;
  expect_refused({"plot", run_, "--what", "losses"}, 2, "--what losses: not one of loss, lr, gradient or speed");
  expect_refused({"plot", directory_.path()}, 1, "is not a run (log.jsonl is missing)");
  expect_refused({"plot"}, 2, "the directory of a run is missing");
}

}  // namespace
}  // namespace headlight
