// Tests that a run killed at a random moment, or stopped by a full disk, resumes to the same result. HEADLIGHT_KILLS
// sets the number of kills (default: 18; make kill-test: 200).
#include <sys/mount.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/clock.h"
#include "cli/tiny_run.h"
#include "headlight/base/random.h"
#include "headlight/formats/safetensors.h"

namespace headlight {
namespace {

class Kills : public TinyRun {
 protected:
  static constexpr int kSteps = 300;
  // A run of a few hundred milliseconds with a checkpoint every few milliseconds. Checkpoints are every 7 steps,
  // so an interruption is usually at another step.
  Words slow(const std::string& out) const {
    return {"train",
            "--data",
            data_,
            "--out",
            out,
            "--layers",
            "1",
            "--heads",
            "2",
            "--width",
            "16",
            "--context",
            "16",
            "--batch",
            "2",
            "--steps",
            std::to_string(kSteps),
            "--eval-every",
            "7",
            "--warmup",
            "2",
            "--threads",
            "1",
            "--dropout",
            "0.1",
            "--eval-windows",
            "2"};
  }
  static void pause(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

  // The step of the checkpoint; -1 if there is none. The file must be complete at every moment.
  static int saved_step(const std::string& out) {
    const std::string path = out + "/state.safetensors";
    return path_exists(path) ? std::atoi(SafeTensors::load(path).metadata().at("step").c_str()) : -1;
  }
};

TEST_F(Kills, OfEveryKindAtAnyMomentLoseNothing) {
  const char* wanted_text = std::getenv("HEADLIGHT_KILLS");
  const int wanted = wanted_text ? std::max(1, std::atoi(wanted_text)) : 18;
  const std::string whole = directory_ / "whole";
  const double before = monotonic_seconds();
  ASSERT_EQ(run_program(slow(whole)).code, 0);
  const double takes = monotonic_seconds() - before;
  const auto seed = static_cast<std::uint64_t>(before * 1e6);  // other moments in every run of this test
  SCOPED_TRACE(cat("seed ", seed));
  Rng rng(seed);

  int kills = 0, runs = 0, by_signal[4] = {}, before_the_first_checkpoint = 0;
  for (; kills < wanted && !HasFailure(); ++runs) {
    const std::string out = directory_ / cat("run", runs);
    for (bool finished = false; !finished && !HasFailure();) {
      const bool started = path_exists(out + "/config.json");
      const int step_before = saved_step(out);
      Program program(started ? Words{"train", "--resume", "--out", out} : slow(out));
      // The last run is not killed.
      const bool kill = kills < wanted;
      const int which = static_cast<int>(rng.below(4));
      const int signal = which == 0 ? SIGINT : which == 1 ? SIGTERM : which == 2 ? SIGHUP : SIGKILL;
      bool killed = false;
      if (kill) {
        pause(rng.uniform() * takes * 0.6);
        killed = !program.ended();
        if (killed) program.signal(signal);
      }
      const Result r = program.wait();
      const int step = saved_step(out);
      EXPECT_GE(step, step_before) << "a checkpoint was lost";
      finished = r.code == 0;
      if (finished) continue;
      ASSERT_TRUE(killed) << r.code << " " << r.err;
      ++kills;
      ++by_signal[which];
      before_the_first_checkpoint += step < 0;
      // A signal that arrives before the program handles signals ends the process.
      EXPECT_TRUE(r.code == 128 + signal || (which != 3 && r.code == 130)) << r.code << " " << r.err;
      const std::size_t said = r.err.find("interrupted at step ");
      if (said != std::string::npos) {
        EXPECT_EQ(std::atoi(r.err.c_str() + said + 20), step) << "the message names the saved step";
      }
    }
    if (!HasFailure()) expect_same_run(whole, out);
    std::filesystem::remove_all(out);
  }
  if (wanted_text)
    std::printf(
        "%d kills (SIGINT %d, SIGTERM %d, SIGHUP %d, SIGKILL %d; %d before the first checkpoint), %d runs, none lost, "
        "all "
        "bit-identical\n",
        kills, by_signal[0], by_signal[1], by_signal[2], by_signal[3], before_the_first_checkpoint, runs);
}

// Between validations, a kill loses only the steps after the last timed checkpoint; here, checkpoints are some tens of
// milliseconds apart.
TEST_F(Kills, BetweenValidationsLoseOnlyStepsAfterTheCheckpoint) {
  const auto words = [&](const std::string& out, const char* save_every) {
    Words all = slow(out) + Words{"--watch-heads", "--watch-every", "90", "--save-every", save_every};
    *(std::find(all.begin(), all.end(), "--eval-every") + 1) = "1000000";
    *(std::find(all.begin(), all.end(), "--steps") + 1) = "6000";
    return all;
  };
  const std::string whole = directory_ / "whole", out = directory_ / "run";
  ASSERT_EQ(run_program(words(whole, "0")).code, 0);
  int kills = 0, by_time = 0, code = 1;
  for (int step = 0; kills < 50 && code != 0 && !HasFailure(); ++kills) {
    Program program(step == 0 ? words(out, "0.01") : Words{"train", "--resume", "--out", out});
    for (int i = 0; i < 5000 && saved_step(out) <= step && !program.ended(); ++i) pause(0.001);
    pause(0.01);
    program.signal(SIGKILL);
    code = program.wait().code;
    EXPECT_TRUE(code == 0 || code == 128 + SIGKILL);
    by_time += saved_step(out) > step;
    step = saved_step(out);
  }
  EXPECT_GE(by_time, 2);
  ASSERT_EQ(run_program({"train", "--resume", "--out", out, "--save-every", "0"}).code, 0);
  expect_same_run(whole, out);
}

// A small file system for these tests.
class FullDisk : public Kills {
 protected:
  void SetUp() override {
    make_directories(disk_);
    // Space for a run and for a second copy of one of its files.
    if (mount("tmpfs", disk_.c_str(), "tmpfs", 0, "size=400k") != 0) GTEST_SKIP() << "only root may mount a small disk";
    mounted_ = true;
  }
  ~FullDisk() override {
    if (mounted_) umount2(disk_.c_str(), MNT_DETACH);
  }
  FullDisk() = default;
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

  std::string filler() const { return disk_ + "/filler"; }
  // Fills the disk except for `left` bytes.
  void fill_up(std::uintmax_t left) const {
    const std::uintmax_t free = std::filesystem::space(disk_).available;
    if (free <= left) return;
    std::FILE* file = std::fopen(filler().c_str(), "ab");
    ASSERT_NE(file, nullptr);
    const std::string bytes(static_cast<std::size_t>(free - left), 'x');
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
  }

  const std::string disk_ = directory_ / "disk";
  bool mounted_ = false;
};

TEST_F(FullDisk, LosesNothing) {
  const std::string whole = directory_ / "whole", out = disk_ + "/run";
  ASSERT_EQ(run_program(slow(whole)).code, 0);
  int refused = 0;
  for (const int pages : {0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16}) {
    SCOPED_TRACE(pages);
    {
      Program program(slow(out));
      for (int i = 0; i < 4000 && saved_step(out) < 14 && !program.ended(); ++i) pause(0.001);
      program.signal(SIGINT);
      ASSERT_EQ(program.wait().code, 130);
    }
    const Files before = files_of(out);
    fill_up(static_cast<std::uintmax_t>(pages) * 4096);
    const Result r = run_program({"train", "--resume", "--quiet", "--out", out});
    if (r.code != 0) {
      ++refused;
      EXPECT_EQ(r.code, 1) << r.err;
      EXPECT_TRUE(contains(r.err, "the disk is full; free some space")) << r.err;
      EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << r.err;
      EXPECT_GE(saved_step(out), 14);
      for (const auto& [name, bytes] : files_of(out)) EXPECT_TRUE(before.count(name)) << name << " was left behind";
      EXPECT_EQ(run_program({"eval", out, "--json"}).code, 0) << "the run can still be used";
    }
    std::filesystem::remove(filler());
    if (r.code != 0) {
      const Result resumed = run_program({"train", "--resume", "--out", out});
      EXPECT_EQ(resumed.code, 0) << resumed.err;
    }
    expect_same_run(whole, out);
    std::filesystem::remove_all(out);
  }
  EXPECT_GE(refused, 3) << "the disk was never full";
}

TEST_F(FullDisk, ANewRunSaysSoAndLeavesNothing) {
  fill_up(0);
  const std::string out = disk_ + "/run";
  const Result r = run_program(slow(out) + Words{"--quiet"});
  EXPECT_EQ(r.code, 1) << r.err;
  EXPECT_TRUE(contains(r.err, "the disk is full")) << r.err;
  EXPECT_TRUE(!path_exists(out) || files_of(out).empty());
}

TEST_F(FullDisk, ExportsAreWholeOrNotThere) {
  int refused = 0;
  for (const char* format : {"hf", "gguf", "npz", "npy"}) {
    const std::string out = cat(disk_, "/", format);
    const Words words = {"export", finished(), "--to", format, "--out", out, "--force"};
    for (const bool again : {false, true}) {  // the second time over an earlier export
      if (again) {
        ASSERT_EQ(run_program(words).code, 0);
      }
      const Files before = tree_of(disk_);
      for (const int pages : {0, 1, 2, 3, 4, 6, 8}) {
        SCOPED_TRACE(cat(format, again ? " again, " : ", ", pages, " pages"));
        fill_up(static_cast<std::uintmax_t>(pages) * 4096);
        const Result r = run_program(words);
        std::filesystem::remove(filler());
        if (r.code == 0) {
          if (!again) std::filesystem::remove_all(out);
          continue;
        }
        ++refused;
        EXPECT_EQ(r.code, 1) << r.err;
        EXPECT_TRUE(contains(r.err, "the disk is full; free some space")) << r.err;
        EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << r.err;
        EXPECT_TRUE(before == tree_of(disk_));
        EXPECT_EQ(path_exists(out), again);
      }
    }
  }
  EXPECT_GE(refused, 16) << "the disk was never full";
}

}  // namespace
}  // namespace headlight
