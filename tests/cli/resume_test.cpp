// Tests that a run resumes exactly after Ctrl-C, a closed terminal, and kill -9 at a random moment.
#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "cli/tiny_run.h"
#include "headlight/base/random.h"
#include "headlight/formats/safetensors.h"
#include "os/file_bytes.h"
#include "support/on_terminal.h"
#include "training/run_directory.h"

namespace headlight {
namespace {

class Interrupted : public TinyRun {
 protected:
  // A run long enough to be interrupted in the middle.
  Words slow(const std::string& out, const std::string& steps) const {
    return {"train", "--data",    data_, "--out",     out,   "--layers",       "1",   "--heads",      "2",  "--width",
            "16",    "--context", "16",  "--batch",   "2",   "--steps",        steps, "--eval-every", "20", "--warmup",
            "2",     "--threads", "1",   "--dropout", "0.1", "--eval-windows", "2"};
  }
  static void pause(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }
  // Waits until the program has printed `text`, such as the step of a checkpoint.
  static void wait_for(Program& program, const std::string& text) {
    for (int i = 0; i < 2000 && !program.ended() && program.err_so_far().find(text) == std::string::npos; ++i)
      pause(0.005);
  }
  static int saved_step(const std::string& out) {
    return std::atoi(SafeTensors::load(out + "/state.safetensors").metadata().at("step").c_str());
  }
  static int step_said(const std::string& err) {
    const std::size_t at = err.find("interrupted at step ");
    return at == std::string::npos ? -1 : std::atoi(err.c_str() + at + 20);
  }
};

TEST_F(Interrupted, ByCtrlCItFinishesTheStepSavesAndSaysHowToGoOn) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const std::string out = directory_ / cat("run", signal), whole = directory_ / cat("whole", signal);
    Program program(slow(out, "1000000"));
    wait_for(program, "step 20/");
    program.signal(signal);
    const Result r = program.wait();
    EXPECT_EQ(r.code, 130) << r.err;
    EXPECT_EQ(r.out, "");
    EXPECT_TRUE(contains(r.err, "/headlight train --resume --out " + out + "\n"));
    // The message names the step that was saved, and the run continues from there.
    const std::size_t at = r.err.find("interrupted at step ");
    ASSERT_NE(at, std::string::npos) << r.err;
    const int step = std::atoi(r.err.c_str() + at + 20);
    EXPECT_GE(step, 20);
    const std::string steps = std::to_string(step + 15);
    const Result resumed = run_program({"train", "--resume", "--out", out, "--steps", steps});
    EXPECT_EQ(resumed.code, 0) << resumed.err;
    EXPECT_TRUE(contains(resumed.err, "step " + steps + "/" + steps));
  }
}

TEST_F(Interrupted, BySignalsTheRunIsThatOfOneNeverInterrupted) {
  const std::string whole = directory_ / "whole";
  ASSERT_EQ(run_program(slow(whole, "3000")).code, 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const std::string out = directory_ / cat("run", signal);
    Program program(slow(out, "3000"));
    wait_for(program, "step 20/");
    program.signal(signal);
    const Result r = program.wait();
    EXPECT_EQ(r.code, 130) << r.err;
    EXPECT_EQ(saved_step(out), step_said(r.err)) << r.err;
    EXPECT_EQ(run_program({"train", "--resume", "--out", out}).code, 0);
    SCOPED_TRACE(signal);
    expect_same_run(whole, out);
  }
}

TEST_F(Interrupted, BySignalsThatAreIgnoredItIsNot) {
  const std::string whole = directory_ / "whole", out = directory_ / "run";
  ASSERT_EQ(run_program(slow(whole, "3000")).code, 0);
  // Signals are ignored as under nohup, or as when a script starts a program with `&`.
  Surroundings background;
  background.ignored = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
  Program program(slow(out, "3000"), background);
  wait_for(program, "step 20/");
  for (const int signal : background.ignored) program.signal(signal);
  const Result r = program.wait();
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_FALSE(contains(r.err, "interrupted")) << r.err;
  expect_same_run(whole, out);
}

TEST_F(Interrupted, ByAClosedTerminalItSavesOrWithNohupContinues) {
  const std::string whole = directory_ / "whole";
  ASSERT_EQ(run_program(slow(whole, "3000")).code, 0);
  for (const bool plain : {false, true})
    for (const bool nohup : {false, true}) {
      const std::string out = directory_ / cat("run", plain, nohup);
      const Words words = slow(out, "3000") + (plain ? Words{"--plain"} : Words());
      OnTerminal terminal(words, 80, 24, {}, nohup ? std::vector<int>{SIGHUP} : std::vector<int>{});
      ASSERT_TRUE(terminal.read_until(plain ? "step 20/" : "\033[H"));
      terminal.hang_up();
      EXPECT_EQ(terminal.wait(), nohup ? 0 : 130) << plain;
      if (!nohup) {
        EXPECT_LT(saved_step(out), 3000);
        EXPECT_EQ(run_program({"train", "--resume", "--out", out}).code, 0);
      }
      SCOPED_TRACE(out);
      expect_same_run(whole, out);
    }
}

TEST_F(Interrupted, NotByABrokenPipe) {
  const std::string out = directory_ / "run", code = directory_ / "code";
  std::string command = cat("{ ", HEADLIGHT_BINARY_DIR, "/headlight");
  for (const std::string& word : slow(out, "600")) command += cat(" '", word, "'");
  ASSERT_EQ(std::system(cat(command, " 2>&1; echo $? >'", code, "'; } | sed -n '/step 20/q'").c_str()), 0);
  EXPECT_EQ(read_file(code), "0\n");
  EXPECT_EQ(saved_step(out), 600);
}

TEST_F(Interrupted, ByAKillAtAnyMomentNothingIsLost) {
  const std::string whole = directory_ / "whole";
  const double before = monotonic_seconds();
  ASSERT_EQ(run_program(slow(whole, "300")).code, 0);
  const double takes = monotonic_seconds() - before;
  Rng rng(static_cast<std::uint64_t>(before * 1e6));  // other moments in every run of this test
  int killed = 0;
  for (int round = 0; round < 12; ++round) {
    const std::string out = directory_ / cat("run", round);
    {
      Program program(slow(out, "300"));
      // Wait until the run's directory exists.
      for (int i = 0; i < 2000 && !path_exists(out + "/config.json") && !program.ended(); ++i) pause(0.0005);
      pause(rng.uniform() * takes);
      program.signal(SIGKILL);
      killed += program.wait().code == 128 + SIGKILL;
    }
    for (int again = 0; again < 2; ++again) {  // kill it twice more while it resumes
      Program program({"train", "--resume", "--out", out});
      pause(rng.uniform() * takes / 2);
      program.signal(SIGKILL);
      program.wait();
    }
    const Result resumed = run_program({"train", "--resume", "--out", out});
    EXPECT_EQ(resumed.code, 0) << resumed.err;
    SCOPED_TRACE(round);
    expect_same_run(whole, out);
  }
  EXPECT_GT(killed, 0);
}

TEST_F(Interrupted, ByATruncatedTextItResumesAfterTheTextIsRestored) {
  // Large enough that the text stays on the disk.
  std::string text;
  while (text.size() < static_cast<std::size_t>(FileBytes::kDiskFrom)) text += text_;
  const std::string data = directory_ / "large.txt", out = directory_ / "large", whole = directory_ / "whole";
  write_file_atomically(data, text);
  Words words = slow(out, "1000000");
  *(std::find(words.begin(), words.end(), "--data") + 1) = data;
  Program program(words);
  wait_for(program, "step 20/");
  std::filesystem::resize_file(data, 5000);
  const Result r = program.wait();
  EXPECT_EQ(r.code, 1);
  const std::string last = r.err.substr(r.err.rfind('\n', r.err.size() - 2) + 1);
  EXPECT_EQ(last, "headlight: " + data + ": was truncated while in use; restore it and run again with --resume\n");
  const Files before = files_of(out);
  expect_refused({"train", "--resume", "--out", out}, 1, "the run was trained on a text that differs from " + data);
  EXPECT_TRUE(before == files_of(out));
  write_file_atomically(data, text);
  const std::size_t checkpoint = r.err.rfind("step ", r.err.rfind("/1000000"));
  const std::string steps = std::to_string(std::atoi(r.err.c_str() + checkpoint + 5) + 40);
  const Result resumed = run_program({"train", "--resume", "--out", out, "--steps", steps});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(contains(resumed.err, "step " + steps + "/" + steps)) << resumed.err;
}

TEST_F(Interrupted, TwiceItEndsAtOnce) {
  // One long step: the first signal waits for its end, the second does not.
  Program program({"train", "--data", data_, "--out", directory_ / "run", "--layers", "4", "--width", "256",
                   "--context", "128", "--batch", "64", "--accumulate", "500", "--threads", "1", "--val-fraction",
                   "0"});
  for (int i = 0; i < 4000 && !path_exists(directory_ / "run/state.safetensors") && !program.ended(); ++i) pause(0.005);
  pause(0.05);
  program.signal(SIGINT);
  pause(0.05);
  EXPECT_FALSE(program.ended());
  program.signal(SIGINT);
  const double before = monotonic_seconds();
  EXPECT_EQ(program.wait().code, 128 + SIGINT);
  EXPECT_LT(monotonic_seconds() - before, 5);
}

TEST_F(Interrupted, ByHangupsWithinAStepItStillFinishesIt) {
  // A step takes half a second. The shell and the system may both send SIGHUP when a terminal closes, and systemd also
  // sends SIGTERM.
  const std::string out = directory_ / "run";
  Program program({"train", "--data", data_, "--out", out, "--layers", "2", "--width", "64", "--context", "64",
                   "--batch", "16", "--accumulate", "64", "--threads", "1", "--val-fraction", "0"});
  for (int i = 0; i < 4000 && !path_exists(out + "/state.safetensors") && !program.ended(); ++i) pause(0.005);
  for (const int signal : {SIGHUP, SIGTERM, SIGHUP}) {
    pause(0.03);
    EXPECT_FALSE(program.ended());
    program.signal(signal);
  }
  const Result r = program.wait();
  EXPECT_EQ(r.code, 130) << r.err;
  EXPECT_EQ(saved_step(out), 1);
  EXPECT_EQ(step_said(r.err), 1) << r.err;
}

TEST_F(Interrupted, AFinishedRunSaysThatItIs) {
  const Files before = files_of(finished());
  const Result r = run_program({"train", "--resume", "--out", run_});
  EXPECT_EQ(r.code, 0);
  EXPECT_TRUE(contains(r.err, "the run is at step 9 of 9 already; use a larger --steps to continue"));
  const Files after = files_of(run_);
  EXPECT_EQ(timeless(before.at("log.jsonl")), timeless(after.at("log.jsonl")));
  for (const char* name : {"config.json", "model.safetensors", "state.safetensors"})
    EXPECT_TRUE(before.at(name) == after.at(name)) << name;
}

TEST_F(Interrupted, ADivergedRunExitsWithThreeAndKeepsItsCheckpoint) {
  const Result r =
      run_program(train(directory_ / "run", {"--optimizer", "sgd", "--lr", "10", "--min-lr", "10", "--clip", "0",
                                             "--weight-decay", "10", "--momentum", "0", "--decay", "constant"}));
  const Result longer = run_program({"train", "--resume", "--out", directory_ / "run", "--steps", "1000"});
  EXPECT_EQ(r.code == 3 ? 3 : longer.code, 3) << r.err << longer.err;
  const std::string& line = r.code == 3 ? r.err : longer.err;
  EXPECT_TRUE(contains(line, "headlight: training diverged at step "));
  const Result evaluated = run_program({"eval", directory_ / "run"});
  EXPECT_EQ(evaluated.code, 0) << evaluated.err;
}

TEST_F(Interrupted, ByALossWorseThanAGuessItSaysSo) {
  const Words words = {"train",
                       "--data",
                       data_,
                       "--preset",
                       "micro",
                       "--lr",
                       "10",
                       "--clip",
                       "0",
                       "--steps",
                       "16",
                       "--warmup",
                       "2",
                       "--eval-every",
                       "4",
                       "--out",
                       directory_ / "run",
                       "--eval-windows",
                       "8",
                       "--threads",
                       "1"};
  const Result warned = run_program(words);
  EXPECT_EQ(warned.code, 0) << warned.err;
  const std::size_t at = warned.err.find("warning: the validation loss is ");
  ASSERT_NE(at, std::string::npos) << warned.err;
  EXPECT_TRUE(contains(warned.err, "restart with --lr 0.007 instead of 10 and --clip 1\n"));
  EXPECT_EQ(warned.err.find("warning: ", at + 1), std::string::npos) << "once";
  EXPECT_TRUE(contains(run_program(words + Words{"--force", "--quiet"}).err, "warning: "))
      << "--quiet must not hide warnings";
  const Result stopped = run_program(words + Words{"--force", "--quiet", "--stop-on-divergence"});
  EXPECT_EQ(stopped.code, 3);
  EXPECT_EQ(stopped.err.rfind("headlight: training diverged at step 12: the validation loss is ", 0), 0u)
      << stopped.err;
  EXPECT_EQ(std::count(stopped.err.begin(), stopped.err.end(), '\n'), 1);
  EXPECT_EQ(load_model(directory_ / "run").step, 0) << "the best";
  const Result resumed = run_program({"train", "--resume", "--quiet", "--out", directory_ / "run"});
  EXPECT_EQ(resumed.code, 3);
  EXPECT_EQ(resumed.err, stopped.err);
  EXPECT_EQ(run_program(train(directory_ / "fine")).err.find("warning"), std::string::npos);
}

}  // namespace
}  // namespace headlight
