// Tests of distillation: what the student learns, the checks of the teacher, resuming, threads and allocation.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "cli/allocations.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "headlight/ops/ops.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"
#include "tensor/sanitized.h"
#include "training/resolve.h"
#include "training/trainer.h"

namespace headlight {
namespace {

RunConfig small(const std::string& model, Index width = 8) {
  RunConfig c;
  c.model = model;
  c.layers = 1;
  c.heads = 2;
  c.width = width;
  c.context = 12;
  c.batch = 3;
  c.steps = 8;
  c.eval_every = 4;
  c.eval_windows = 4;
  c.warmup = 2;
  c.corpus_chars = 4000;
  c.dropout = 0.1;  // acts in the student, not in the teacher
  return c;
}

// A folder with a trained teacher: a transformer of width 16.
class Distillation : public ::testing::Test {
 protected:
  void SetUp() override {
    RunConfig c = small("transformer", 16);
    c.steps = 40;  // its predictions differ from those of a new model
    c.lr = 0.01;
    train(c, "teacher");
  }
  std::string at(const std::string& name) const { return directory_ / name; }
  RunConfig student(const std::string& model = "gru") const {
    RunConfig c = small(model);
    c.teacher = at("teacher");
    return c;
  }
  void train(const RunConfig& c, const std::string& name) const { Trainer(c, load_run_data(c), at(name)).run(); }
  std::vector<std::vector<double>> weights(const std::string& name) const {
    std::vector<std::vector<double>> all;
    for (const NamedTensor& p : load_model(at(name), CheckpointChoice::kLast).model->parameters())
      all.push_back(p.value.to_vector());
    return all;
  }
  std::string error_of_training(const RunConfig& c) const {
    const std::string error = error_of([&] { Trainer(c, load_run_data(c), at("refused")); });
    EXPECT_FALSE(path_exists(at("refused"))) << "something was written";
    return error;
  }

  const TemporaryDirectory directory_;
};

TEST_F(Distillation, AWeightOfZeroChangesNoBit) {
  RunConfig c = student();
  c.distill_weight = 0;
  train(c, "with");
  c.teacher.clear();
  train(c, "without");
  EXPECT_EQ(weights("with"), weights("without"));
  c = student();
  train(c, "taught");
  EXPECT_NE(weights("taught"), weights("without"));
}

TEST_F(Distillation, TheStudentApproachesTheTeacher) {
  const TrainedModel teacher = load_model(at("teacher"));
  for (const char* model : {"transformer", "lstm"}) {
    RunConfig c = student(model);
    c.distill_weight = 1;
    c.steps = 60;
    c.eval_every = 60;
    c.lr = 0.01;
    const Trainer before(c, load_run_data(c), "");
    Trainer after(c, load_run_data(c), "");
    after.run();
    const std::vector<std::int32_t> ids = after.data().validation.ids.copy(0, 10 * c.context);
    const auto distance = [&](const Trainer& t) {
      const NoGrad no_recording;
      return distillation_loss(t.model()(ids, 10), (*teacher.model)(ids, 10), 1).item();
    };
    EXPECT_LT(distance(after), 0.3 * distance(before)) << model;
  }
}

// The first update uses the gradient of (1 - W) CE + W T^2 KL.
TEST_F(Distillation, TheGradientIsThatOfTheMixedLoss) {
  RunConfig c = student();
  c.dropout = 0;
  c.distill_weight = 0.3;
  c.distill_temperature = 4;
  c.steps = 1;
  std::vector<double> norms, losses;
  Trainer trainer(c, load_run_data(c), "");
  trainer.run([&](const StepRecord& r) {
    if (r.step == 0) norms.push_back(r.grad_norm), losses.push_back(r.loss);
    return true;
  });
  // The same step, computed by hand.
  const Trainer fresh(c, load_run_data(c), "");
  Rng batches(mix64(static_cast<std::uint64_t>(c.seed) ^ 0xb0));
  Batch batch;
  draw_batch(fresh.data(), c.context, c.batch, batches, batch);
  const TrainedModel teacher = load_model(at("teacher"));
  const Tensor taught = (*teacher.model)(batch.inputs, c.batch);
  Tape tape;
  const Tensor logits = fresh.model()(batch.inputs, c.batch);
  const auto softened = [](const Tensor& x) { return log_softmax(scale(x, 0.25)); };
  const Tensor kl = mean(sum(mul(exp(softened(taught)), sub(softened(taught), softened(logits))), -1));
  const Tensor entropy = cross_entropy(logits, batch.targets);
  tape.backward(add(scale(entropy, 0.7), scale(kl, 0.3 * 16)));
  double square = 0;
  for (const NamedTensor& p : fresh.model().parameters())
    for (const double g : p.value.grad().to_vector()) square += g * g;
  ASSERT_EQ(norms.size(), 1u);
  EXPECT_NEAR(norms[0], std::sqrt(square), 1e-4 * norms[0]);
  EXPECT_NEAR(losses[0], entropy.item(), 1e-6) << "the log has the cross-entropy";
}

TEST_F(Distillation, TheValidationLossIsTheCrossEntropy) {
  RunConfig c = student();
  const auto first_loss = [&] {
    double loss = 0;
    Trainer(c, load_run_data(c), "").run([&](const StepRecord& r) {
      loss = r.val_loss;
      return false;
    });
    return loss;
  };
  const double with = first_loss();
  c.teacher.clear();
  EXPECT_EQ(with, first_loss());
}

TEST_F(Distillation, ResumesBitForBit) {
  const RunConfig c = student();
  train(c, "whole");
  Trainer(c, load_run_data(c), at("part")).run([](const StepRecord& r) { return r.step < 3; });
  const RunConfig stored = RunDirectory(at("part")).load_info().config;
  EXPECT_EQ(stored.teacher, c.teacher);
  // The teacher may be moved to another directory.
  std::filesystem::rename(at("teacher"), at("moved"));
  EXPECT_EQ(error_of([&] { Trainer::resume(stored, load_run_data(stored), at("part")); }),
            cat("--teacher ", at("teacher"), ": no such run; name the directory of a trained run"));
  RequestedSettings asked;
  asked.flags = {{"teacher", at("moved")}};
  const RunConfig moved = resolve_resumed(asked, RunDirectory(at("part")).load_info(), at("part"));
  Trainer::resume(moved, load_run_data(moved), at("part"))->run();
  EXPECT_EQ(weights("part"), weights("whole"));
  EXPECT_EQ(RunDirectory(at("part")).load_info().config.teacher, at("moved"));
  EXPECT_EQ(load_model(at("part")).info.teacher_fingerprint, load_model(at("whole")).info.teacher_fingerprint);
}

TEST_F(Distillation, AResumedRunKeepsItsTeacher) {
  Trainer(student(), load_run_data(student()), at("part")).run([](const StepRecord& r) { return r.step < 3; });
  RunConfig other = small("transformer", 16);
  other.seed = 5;
  train(other, "other");
  const RunInfo stored = RunDirectory(at("part")).load_info();
  RunConfig c = stored.config;
  c.teacher = at("other");
  expect_error([&] { Trainer::resume(c, load_run_data(c), at("part")); },
               {"was distilled from other weights than those in", "name the original teacher with --teacher"});
  RequestedSettings asked;
  asked.flags = {{"teacher", ""}};
  expect_error([&] { resolve_resumed(asked, stored, "r"); }, {"--teacher '': the run in r has a teacher"});
  asked.flags = {{"distill-weight", "0.25"}};
  expect_error([&] { resolve_resumed(asked, stored, "r"); }, {"--distill-weight 0.25: the run in r has 0.9"});
  RunInfo untaught = stored;
  untaught.config.teacher.clear();
  asked.flags = {{"teacher", "t"}};
  expect_error([&] { resolve_resumed(asked, untaught, "r"); }, {"/t: the run in r has no teacher"});
}

TEST_F(Distillation, ATeacherThatDoesNotFitIsRefused) {
  RunConfig c = student();
  c.teacher = at("nowhere");
  EXPECT_TRUE(contains(error_of_training(c), "no such run"));
  c = student();
  c.context = 13;
  EXPECT_TRUE(contains(error_of_training(c), "its context is 12, and --context is 13; use --context 12 or less"));
  c = student();
  c.tokens = TokenUnit::kByte;
  EXPECT_TRUE(contains(error_of_training(c), "differs from that of the text (bytes)"));
  c = student();
  c.corpus = "markov";
  EXPECT_TRUE(contains(error_of_training(c), "its vocabulary ("));
  c = student("encoder");
  EXPECT_TRUE(contains(error_of_training(c), "has another objective than --model encoder"));
  c = student();
  write_file_atomically(at("teacher/model.safetensors"), "broken");
  EXPECT_EQ(error_of_training(c).rfind(cat("--teacher: ", at("teacher"), "/"), 0), 0u);
  remove_file(at("teacher/model.safetensors"));
  EXPECT_TRUE(contains(error_of_training(c), "has no checkpoint yet"));
}

TEST_F(Distillation, TheTeachersDirectoryIsNotReplaced) {
  const RunConfig c = student();
  for (const char* spelling : {"teacher", "teacher/", "./teacher"})
    expect_error([&] { Trainer(c, load_run_data(c), at(spelling)); }, {"is the run's own directory"});
  EXPECT_EQ(load_model(at("teacher")).info.config.model, "transformer");
}

TEST_F(Distillation, EveryThreadCountGivesTheSameBits) {
  const int before = thread_count();
  RunConfig c = student();
  for (const Index threads : {1, 3}) {
    c.threads = threads;
    train(c, cat("threads-", threads));
  }
  set_thread_count(before);
  EXPECT_EQ(weights("threads-1"), weights("threads-3"));
}

TEST_F(Distillation, AllocatesNothingAfterTheSecondStep) {
  if (tests::kAddressSanitizer) GTEST_SKIP() << "the sanitizer has an operator new of its own";
  RunConfig c = student();
  c.eval_every = c.steps;
  Index before = 0, after = 0;
  Trainer(c, load_run_data(c), "").run([&](const StepRecord& r) {
    if (r.step == 2) before = cli::allocated_bytes();
    if (r.step == 7) after = cli::allocated_bytes();
    return true;
  });
  EXPECT_GT(before, 0);
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace headlight
