// Tests of models that carry a state from window to window: lanes, truncated gradients, evaluation and resuming.
#include <gtest/gtest.h>

#include <cmath>

#include "cli/allocations.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "headlight/ops/ops.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"
#include "tensor/sanitized.h"
#include "training/trainer.h"

namespace headlight {
namespace {

RunConfig small(const std::string& model) {
  RunConfig c;
  c.model = model;
  c.own["stateful"] = "yes";
  c.layers = 2;
  c.width = 8;
  c.context = 12;
  c.batch = 3;
  c.steps = 8;
  c.eval_every = 4;
  c.warmup = 2;
  c.corpus_chars = 4000;
  return c;
}

std::vector<std::int32_t> counting(Index n) {
  std::vector<std::int32_t> ids;
  for (Index i = 0; i < n; ++i) ids.push_back(static_cast<std::int32_t>(i));
  return ids;
}

TEST(Lanes, ReadTheTextInOrder) {
  const Lanes lanes(counting(103), 10, 3, 7);  // three lanes of 34 predictions
  EXPECT_EQ(lanes.windows(), 3);
  Batch batch;
  for (Index step = 0; step < 3; ++step) {
    lanes.fill(step, batch);
    EXPECT_EQ(batch.rows, 3);
    EXPECT_EQ(lanes.starts_epoch(step), step == 0);
    for (Index lane = 0; lane < 3; ++lane)
      for (Index t = 0; t < 10; ++t) {
        const auto i = static_cast<std::size_t>(lane * 10 + t);
        EXPECT_EQ(batch.inputs[i], lane * 34 + step * 10 + t);
        EXPECT_EQ(batch.targets[i], batch.inputs[i] + 1);
      }
  }
}

TEST(Lanes, EachEpochStartsAtAnotherOffsetInsideTheLane) {
  const Lanes lanes(counting(103), 10, 3, 7);
  std::vector<int> seen(5, 0);
  Batch batch;
  for (Index epoch = 0; epoch < 60; ++epoch) {
    EXPECT_TRUE(lanes.starts_epoch(3 * epoch));
    lanes.fill(3 * epoch, batch);
    const Index offset = batch.inputs[0];
    ASSERT_LE(offset, 4);
    ++seen[static_cast<std::size_t>(offset)];
    lanes.fill(3 * epoch + 2, batch);  // the last window is inside the last lane
    EXPECT_EQ(batch.inputs[0], offset + 20);
    EXPECT_LE(batch.targets.back(), 102);
  }
  for (const int count : seen) EXPECT_GT(count, 3);
}

TEST(Lanes, NeedAWindowEach) {
  EXPECT_EQ(Lanes(counting(31), 10, 3, 1).windows(), 1);
  EXPECT_EQ(error_of([] { Lanes(counting(30), 10, 3, 1); }),
            "--batch: 3 lanes with a context of 10 need 31 tokens, and the text has 30; use a smaller --batch or "
            "--context");
}

class Stateful : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Families, Stateful, ::testing::Values("rnn", "gru", "lstm"),
                         [](const auto& one) { return one.param; });

std::unique_ptr<LanguageModel> random_model(const RunConfig& c, Index vocabulary) {
  seed_generator(3);
  auto model = c.make_model(vocabulary);
  Rng rng(4);
  for (const NamedTensor& p : model->parameters()) {
    const Tensor change = Tensor::normal(p.value.shape(), 0, 0.4, rng);
    Tensor(p.value).copy_from(add(p.value.detach(), change));
  }
  return model;
}

TEST_P(Stateful, TwoWindowsEqualOneOfTwiceTheLength) {
  RunConfig c = small(GetParam());
  const auto model = random_model(c, 7);
  std::vector<std::int32_t> ids;
  Rng rng(5);
  for (int i = 0; i < 24; ++i) ids.push_back(static_cast<std::int32_t>(rng.below(7)));
  // Two sequences of 12 tokens: once whole, and once as two windows of six tokens each.
  const auto part = [&](std::size_t first) {
    std::vector<std::int32_t> rows(ids.begin() + static_cast<long>(first), ids.begin() + static_cast<long>(first + 6));
    rows.insert(rows.end(), ids.begin() + static_cast<long>(12 + first), ids.begin() + static_cast<long>(18 + first));
    return rows;
  };
  Tape tape;
  const Tensor whole = (*model)(ids, 2);
  std::vector<Tensor> state = model->initial_state(2);
  EXPECT_EQ(state.size(), GetParam() == "lstm" ? 4u : 2u);
  const Tensor first = model->carry(part(0), 2, state);
  for (const Tensor& tensor : state) EXPECT_FALSE(tensor.requires_grad()) << "the gradient ends at the window";
  const Tensor second = model->carry(part(6), 2, state);
  for (Index b = 0; b < 2; ++b)
    for (Index t = 0; t < 6; ++t)
      for (Index v = 0; v < 7; ++v) {
        EXPECT_NEAR(first.at({b, t, v}), whole.at({b, t, v}), 1e-5);
        EXPECT_NEAR(second.at({b, t, v}), whole.at({b, t + 6, v}), 1e-5);
      }
  EXPECT_NE(error_of([&] { model->carry(ids, 2, std::span(state).first(1)); }), "(no error)");
}

// Compares the trainer's steps with calls of carry() on the same windows.
TEST_P(Stateful, TheTrainerCarriesTheStateAndZeroesItAtAnEpoch) {
  RunConfig c = small(GetParam());
  c.corpus_chars = 1000;
  c.accumulate = 2;
  c.steps = 30;
  c.eval_every = 30;
  std::vector<double> losses;
  Trainer trainer(c, load_run_data(c), "");
  trainer.run([&](const StepRecord& r) {
    if (!std::isnan(r.loss)) losses.push_back(r.loss);
    return true;
  });
  const Trainer fresh(c, load_run_data(c), "");
  AdamW optimizer(fresh.model().parameters(), {.beta1 = c.beta1, .beta2 = c.beta2, .weight_decay = c.weight_decay});
  const Lanes lanes(fresh.data().train.ids, c.context, 6, static_cast<std::uint64_t>(c.seed));
  ASSERT_EQ(lanes.windows(), 13) << "two epochs and a part";
  std::vector<Tensor> halves[2];
  Batch batch;
  for (Index step = 0; step < c.steps; ++step) {
    lanes.fill(step, batch);
    double loss = 0;
    for (std::size_t i = 0; i < 2; ++i) {
      if (step % 13 == 0) halves[i] = fresh.model().initial_state(3);
      Tape tape;
      const Tensor part = cross_entropy(fresh.model().carry(std::span(batch.inputs).subspan(i * 36, 36), 3, halves[i]),
                                        std::span(batch.targets).subspan(i * 36, 36));
      tape.backward(part);
      loss += part.item() / 2;
    }
    const double norm = gradient_norm(optimizer.parameters()) / 2;
    optimizer.step(c.schedule().at(step), (norm > c.clip ? c.clip / norm : 1) / 2);
    for (const NamedTensor& p : fresh.model().parameters()) Tensor(p.value).zero_grad();
    ASSERT_NEAR(losses[static_cast<std::size_t>(step)], loss, 1e-9) << step;
  }
}

TEST_P(Stateful, EvaluationReadsTheTextLikeAReader) {
  const RunConfig c = small(GetParam());
  const auto model = random_model(c, 7);
  Rng rng(6);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 190; ++i) ids.push_back(static_cast<std::int32_t>(rng.below(7)));  // 16 windows: two lanes
  const Evaluation e = evaluate(*model, {ids, {3, 50}});
  ASSERT_EQ(e.windows.size(), 16u);
  ASSERT_EQ(e.predictions, 189);
  ASSERT_EQ(e.losses.size(), 189u);
  const auto reader = model->reader(WeightFormat::kFloat32);
  double sum = 0;
  for (std::size_t i = 0; i < 189; ++i) {
    if (i % 12 == 0) {
      EXPECT_EQ(e.windows[i / 12].start, static_cast<Index>(i));
    }
    const std::span<const float> logits =
        i % 96 == 0 ? reader->start(std::span(ids).subspan(i, 1)) : reader->next(ids[i]);
    double total = 0;
    for (const float x : logits) total += std::exp(static_cast<double>(x));
    const double loss = std::log(total) - static_cast<double>(logits[static_cast<std::size_t>(ids[i + 1])]);
    EXPECT_NEAR(static_cast<double>(e.losses[i]), loss, 1e-4) << i;
    sum += loss;
  }
  EXPECT_NEAR(e.loss, sum / 189, 1e-5);
  // With a limit, the lanes are spread over the text.
  for (int i = 0; i < 210; ++i) ids.push_back(ids[static_cast<std::size_t>(i)]);  // 34 windows
  const Evaluation some = evaluate(*model, {ids, {}}, 16);
  ASSERT_EQ(some.windows.size(), 16u);
  EXPECT_EQ(some.predictions, 16 * 12);
  EXPECT_EQ(some.windows[7].start, 7 * 12);
  EXPECT_EQ(some.windows[8].start, 17 * 12);
  for (Index most = 1; most <= 34; ++most) {
    const std::vector<Window> windows = evaluate(*model, {ids, {}}, most).windows;
    EXPECT_LE(static_cast<Index>(windows.size()), most);
    EXPECT_GT(static_cast<Index>(windows.size()), most - 8);
    for (std::size_t i = 1; i < windows.size(); ++i) EXPECT_GT(windows[i].start, windows[i - 1].start) << most;
  }
  EXPECT_EQ(evaluate(*model, {std::vector<std::int32_t>{1, 2}, {}}).predictions, 1);
}

TEST_P(Stateful, ResumesBitForBitInTheMiddleOfAnEpochAndAtItsStart) {
  RunConfig c = small(GetParam());
  c.corpus_chars = 1000;
  c.accumulate = 2;
  c.steps = 28;
  const TemporaryDirectory directory;
  const auto weights = [&](const char* name) {
    std::vector<std::vector<double>> all;
    for (const NamedTensor& p : load_model(directory / name, CheckpointChoice::kLast).model->parameters())
      all.push_back(p.value.to_vector());
    return all;
  };
  Trainer(c, load_run_data(c), directory / "whole").run();
  for (const Index stop : {4, 11, 12, 25}) {
    Trainer(c, load_run_data(c), directory / "part").run([&](const StepRecord& r) { return r.step < stop; });
    const RunConfig stored = RunDirectory(directory / "part").load_info().config;
    EXPECT_EQ(stored.own.at("stateful"), "yes");
    Trainer::resume(stored, load_run_data(stored), directory / "part")->run();
    EXPECT_EQ(weights("part"), weights("whole")) << stop;
  }
}

TEST_P(Stateful, AllocatesNothingAfterTheSecondStep) {
  if (tests::kAddressSanitizer) GTEST_SKIP() << "the sanitizer has an operator new of its own";
  RunConfig c = small(GetParam());
  c.corpus_chars = 1000;
  c.accumulate = 2;
  c.steps = 30;
  c.eval_every = 30;
  Index before = 0, after = 0;
  Trainer(c, load_run_data(c), "").run([&](const StepRecord& r) {
    if (r.step == 2) before = cli::allocated_bytes();
    if (r.step == 29) after = cli::allocated_bytes();
    return true;
  });
  EXPECT_GT(before, 0);
  EXPECT_EQ(after, before);
}

TEST_P(Stateful, EveryThreadCountGivesTheSameBits) {
  const int before = thread_count();
  std::vector<double> first;
  for (const Index threads : {1, 3}) {
    RunConfig c = small(GetParam());
    c.threads = threads;
    Trainer trainer(c, load_run_data(c), "");
    trainer.run();
    std::vector<double> all = {trainer.last_loss(), trainer.last_val_loss()};
    for (const NamedTensor& p : trainer.model().parameters())
      for (const double x : p.value.to_vector()) all.push_back(x);
    if (first.empty()) first = all;
    EXPECT_EQ(all, first) << threads;
  }
  set_thread_count(before);
}

TEST(StatefulErrors, TextsWithoutAnOrderAreRefused) {
  RunConfig c = small("gru");
  const TemporaryDirectory directory;
  c.corpus = "chorus";
  expect_error([&] { Trainer(c, load_run_data(c), directory / "run"); },
               {"--corpus chorus: has independent sequences, and the model gru carries its state"});
  c.corpus = "numbers";
  expect_error([&] { Trainer(c, load_run_data(c), directory / "run"); },
               {"numbers", "has independent sequences", "use --no-stateful"});
  c = small("gru");
  c.batch = 1000;
  expect_error([&] { Trainer(c, load_run_data(c), directory / "run"); }, {"--batch: 1000 lanes", "smaller --batch"});
  EXPECT_FALSE(path_exists(directory / "run"));
}

}  // namespace
}  // namespace headlight
