// Tests that a run directory of version 0.1.0 still loads, evaluates, resumes, and keeps its head history.
#include <gtest/gtest.h>

#include "headlight/training/evaluate.h"
#include "heads/watch/head_history.h"
#include "os/file.h"
#include "os/folder.h"
#include "support/temporary_directory.h"
#include "training/run_directory.h"
#include "training/trainer.h"

namespace headlight {
namespace {

const std::string kRun = HEADLIGHT_SOURCE_DIR "/tests/fixtures/run-0.1";

TEST(OldRun, LoadsAndEvaluates) {
  const TrainedModel trained = load_model(kRun);
  EXPECT_EQ(trained.info.config.position, "rotary");
  EXPECT_EQ(trained.info.config.norm, "rms");
  EXPECT_EQ(trained.info.config.activation, "silu");
  EXPECT_EQ(trained.info.config.layers, 1);
  EXPECT_EQ(trained.step, 6);
  const RunData data = load_run_data(trained.info.config, &trained.info.vocabulary);
  EXPECT_EQ(data.fingerprint, trained.info.fingerprint) << "the corpus is not the text of version 0.1.0";
  // A tolerance, because other instruction sets round differently.
  EXPECT_NEAR(evaluate(*trained.model, data.validation).loss, 3.2766761779785156, 1e-5);
}

TEST(OldRun, Resumes) {
  const TemporaryDirectory directory;
  const std::string run = directory / "run";
  make_directories(run);
  for (const char* name :
       {"config.json", "log.jsonl", "log.csv", "heads.jsonl", "model.safetensors", "state.safetensors"})
    write_file_atomically(run + "/" + name, read_file(kRun + "/" + name));
  RunConfig config = RunDirectory(run).load_info().config;
  config.steps = 8;
  const auto trainer = Trainer::resume(config, load_run_data(config), run);
  EXPECT_EQ(trainer->step(), 6);
  trainer->run();
  EXPECT_EQ(trainer->step(), 8);
  EXPECT_LT(trainer->last_val_loss(), 3.28);
}

TEST(OldRun, KeepsItsHeadHistory) {
  const HeadHistory history = head_history(kRun + "/" + kHeadHistoryFile);
  EXPECT_EQ(history.snapshots.size(), 7u);
  EXPECT_EQ(history.heads.size(), 2u);
}

}  // namespace
}  // namespace headlight
