// Tests of train --watch-heads: its output with and without a terminal, and its files.
#include "cli/tiny_run.h"
#include "heads/watch/head_history.h"
#include "support/on_terminal.h"

namespace headlight {
namespace {

class WatchHeads : public TinyRun {
 protected:
  static std::vector<Index> steps_of(const std::string& run) {
    std::vector<Index> steps;
    for (const HeadSnapshot& s : head_history(run + "/heads.jsonl").snapshots) steps.push_back(s.step);
    return steps;
  }
};

TEST_F(WatchHeads, LeavesTheSameRunAndTheHeadsBesideIt) {
  const std::string out = directory_ / "watched";
  const Result r = run_program(train(out, {"--watch-heads", "--watch-every", "2"}));
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out, "");
  EXPECT_EQ(steps_of(out), (std::vector<Index>{0, 2, 4, 6, 8, 9}));
  EXPECT_TRUE(contains(r.err, "\nheads   watched at 6 steps, which took "));
  EXPECT_TRUE(contains(r.err, out + "/heads.jsonl\n"));
  // One short line for each validation: steps 0, 4, 8 and 9.
  int lines = 0;
  for (std::size_t at = 0; (at = r.err.find("\nheads     ", at)) != std::string::npos; ++at) {
    EXPECT_LE(r.err.find('\n', at + 1) - at - 1, 80u);
    ++lines;
  }
  EXPECT_EQ(lines, 4) << r.err;
  for (const char* file : {"/model.safetensors", "/state.safetensors"})
    EXPECT_TRUE(read_file(out + file) == read_file(finished() + file)) << file;
}

TEST_F(WatchHeads, GoesOnWithTheRun) {
  const std::string out = directory_ / "run";
  ASSERT_EQ(run_program(train(out, {"--watch-heads", "--watch-every", "4"})).code, 0);
  // A resumed run keeps the options that it was started with, and flags can change them.
  ASSERT_EQ(run_program({"train", "--resume", "--out", out, "--steps", "13"}).code, 0);
  EXPECT_EQ(steps_of(out), (std::vector<Index>{0, 4, 8, 12, 13}));
  ASSERT_EQ(run_program({"train", "--resume", "--out", out, "--steps", "18", "--no-watch-heads"}).code, 0);
  EXPECT_EQ(steps_of(out), (std::vector<Index>{0, 4, 8, 12, 13}));
  // --force also removes the history of the old run.
  ASSERT_EQ(run_program(train(out, {"--force"})).code, 0);
  EXPECT_FALSE(path_exists(out + "/heads.jsonl"));
}

TEST_F(WatchHeads, RefusesWhatMakesNoSense) {
  expect_refused(train(directory_ / "a", {"--watch-every", "2"}), 2, "--watch-every: needs --watch-heads; add it");
  EXPECT_FALSE(path_exists(directory_ / "a"));
  expect_refused(train(directory_ / "a", {"--watch-heads", "--watch-every", "-1"}), 2, "allowed: 0 to 1000000000");
  const Result help = run_program({"train", "--help"});
  EXPECT_TRUE(contains(help.out, "--watch-heads"));
  EXPECT_TRUE(contains(help.out, "--watch-every N"));
  // A history of another run is refused, and no file changes.
  ASSERT_EQ(run_program(train(run_, {"--watch-heads"})).code, 0);
  write_file_atomically(run_ + "/heads.jsonl", "{}\n");
  const Files before = files_of(run_);
  expect_refused({"train", "--resume", "--out", run_, "--steps", "12"}, 1, "move the file away to start a new one");
  Files after = files_of(run_);
  for (const char* file : {"heads.jsonl", "model.safetensors", "state.safetensors"})
    EXPECT_TRUE(after[file] == before.at(file)) << file;
}

TEST_F(WatchHeads, AreSeenInTheLiveView) {
  OnTerminal terminal(train(directory_ / "live", {"--watch-heads"}), 80, 24);
  EXPECT_EQ(terminal.wait(), 0) << terminal.seen;
  const std::size_t leave = terminal.seen.find("\033[?1049l");
  ASSERT_NE(leave, std::string::npos);
  const std::string after = terminal.seen.substr(leave);
  for (const char* part : {"L0H0  ", "L0H1  ", "▁", "heads   watched at "}) EXPECT_TRUE(contains(after, part)) << after;
}

}  // namespace
}  // namespace headlight
