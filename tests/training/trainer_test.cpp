// Tests of the training loop: steps, best weights, divergence, initial weights.
#include "training/trainer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "headlight/ops/ops.h"
#include "support/expect_error.h"
#include "trainer_fixture.h"

namespace headlight {
namespace {

TEST_F(TrainerTest, LearnsTheText) {
  RunConfig c = tiny_config();
  c.steps = 150;
  c.eval_every = 50;
  const auto records = train(c);
  ASSERT_EQ(records.size(), 151u);
  EXPECT_NEAR(records[0].val_loss, std::log(19), 0.2) << "an untrained model gives 19 characters equal probabilities";
  EXPECT_LT(records[150].val_loss, 0.75 * records[0].val_loss);
}

TEST_F(TrainerTest, RecordsEveryStep) {
  const RunConfig c = tiny_config();
  const auto records = train(c);
  ASSERT_EQ(records.size(), 13u);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const StepRecord& r = records[i];
    EXPECT_EQ(r.step, static_cast<Index>(i));
    EXPECT_EQ(r.lr, c.schedule().at(r.step));
    EXPECT_EQ(std::isnan(r.val_loss), i % 5 != 0 && i != 12) << i;
    EXPECT_EQ(std::isnan(r.loss), i == 12) << i;
    EXPECT_EQ(std::isnan(r.grad_norm), i == 12) << i;
    EXPECT_TRUE(i == 0 || r.seconds >= records[i - 1].seconds) << i;
  }
}

// A step computed by hand from the same random streams equals the trainer's step.
TEST_F(TrainerTest, AStepIsTheMeanGradientClippedAndApplied) {
  RunConfig c = tiny_config();
  c.optimizer = "sgd";
  c.momentum = 0;
  c.weight_decay = 0;
  c.accumulate = 3;
  c.clip = 0.05;
  c.steps = 1;
  c.warmup = 0;
  c.val_fraction = 0;
  Trainer trainer(c, data(c), "");
  const auto named = trainer.model().parameters();
  std::vector<std::vector<float>> start;
  for (const NamedTensor& p : named) start.emplace_back(p.value.data<float>(), p.value.data<float>() + p.value.numel());

  seed_generator(1);
  TransformerLM twin(as_transformer(trainer.model(), "twin").config());
  const auto twin_named = twin.parameters();
  for (std::size_t i = 0; i < named.size(); ++i) {
    Tensor value = twin_named[i].value;
    std::copy(start[i].begin(), start[i].end(), value.data<float>());
  }
  StepRecord first;
  trainer.run([&](const StepRecord& r) {
    if (r.step == 0) first = r;
    return true;
  });

  Rng windows(mix64(static_cast<std::uint64_t>(c.seed) ^ 0xb0));
  Batch batch;
  double loss = 0;
  for (int i = 0; i < 3; ++i) {
    random_windows(trainer.data().train, c.context, c.batch, windows, batch);
    Tape tape;
    const Tensor l = cross_entropy(twin(batch.inputs, batch.rows), batch.targets);
    tape.backward(l);
    loss += l.item();
  }
  EXPECT_NEAR(first.loss, loss / 3, 1e-6);
  double squares = 0;
  for (const NamedTensor& p : twin_named) {
    const Tensor g = p.value.grad();
    for (Index k = 0; k < g.numel(); ++k) squares += std::pow(static_cast<double>(g.data<float>()[k]) / 3, 2);
  }
  EXPECT_NEAR(first.grad_norm, std::sqrt(squares), 1e-5);
  ASSERT_GT(first.grad_norm, c.clip) << "or there is nothing to clip";
  const double scale = c.lr * c.clip / std::sqrt(squares);
  for (std::size_t i = 0; i < named.size(); ++i) {
    const Tensor g = twin_named[i].value.grad();
    for (Index k = 0; k < g.numel(); ++k) {
      const double wanted = static_cast<double>(start[i][static_cast<std::size_t>(k)]) -
                            scale * static_cast<double>(g.data<float>()[k]) / 3;
      ASSERT_NEAR(static_cast<double>(named[i].value.data<float>()[k]), wanted, 1e-6) << named[i].name << " " << k;
    }
  }
}

// The learning rate is too small to change a weight, so each step's loss is that of the initial weights on the step's
// windows.
TEST_F(TrainerTest, EpochsReadTheWindowsInTheirOrder) {
  RunConfig c = tiny_config();
  c.sampling = Sampling::kEpochs;
  c.accumulate = 2;
  c.steps = 40;
  c.lr = c.min_lr = 1e-30;
  c.weight_decay = 0;
  Trainer trainer(c, data(c), run("epochs"));
  std::vector<double> losses;
  trainer.run([&](const StepRecord& r) {
    losses.push_back(r.loss);
    return true;
  });
  const Index rows = 2 * c.batch, windows = static_cast<Index>(trainer.data().train.ids.size()) / c.context;
  ASSERT_GT(30 * rows, windows) << "or step 30 is in the first epoch";
  for (const Index step : {0, 1, 30}) {
    Batch batch;
    epoch_windows(trainer.data().train, c.context, step * rows, rows, mix64(static_cast<std::uint64_t>(c.seed) ^ 0xb0),
                  batch);
    const double loss = cross_entropy(trainer.model()(batch.inputs, rows), batch.targets).item();
    EXPECT_NEAR(losses[static_cast<std::size_t>(step)], loss, 1e-5) << step;
  }
}

TEST_F(TrainerTest, BitsDoNotDependOnTheThreads) {
  RunConfig c = tiny_config();
  c.layers = 1;
  c.width = 64;  // large enough that threads share the work
  c.context = 32;
  c.batch = 8;
  c.dropout = 0.1;
  c.steps = 4;
  c.eval_every = 2;
  std::vector<StepRecord> alone;
  for (const Index threads : {1, 2, 3, 4}) {
    c.threads = threads;
    const auto records = train(c);
    EXPECT_EQ(thread_count(), has_threads() ? threads : 1);
    if (threads == 1) alone = records;
    ASSERT_EQ(records.size(), alone.size());
    for (std::size_t i = 0; i + 1 < records.size(); ++i) {
      EXPECT_EQ(records[i].loss, alone[i].loss) << threads << " threads, step " << i;
      EXPECT_EQ(records[i].grad_norm, alone[i].grad_norm) << threads << " threads, step " << i;
    }
    EXPECT_EQ(records.back().val_loss, alone.back().val_loss) << threads;
  }
}

TEST_F(TrainerTest, TheSeedDecides) {
  RunConfig c = tiny_config();
  c.dropout = 0.2;
  const auto a = train(c), b = train(c);
  c.seed = 7;
  const auto other = train(c);
  for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(a[i].loss, b[i].loss);
  EXPECT_NE(a[0].loss, other[0].loss);
}

TEST_F(TrainerTest, MuonBitsDoNotDependOnTheThreads) {
  RunConfig c = tiny_config();
  c.optimizer = "muon";
  c.width = 32;
  std::vector<std::string> weights;
  for (const Index threads : {1, 2, 3, 8}) {
    c.threads = threads;
    train(c, run("run"));
    weights.push_back(read_file(run("run") + "/state.safetensors"));
    EXPECT_TRUE(weights[0] == weights.back()) << threads << " threads";
  }
}

// matrix_lr changes the update of matrices only.
TEST_F(TrainerTest, MatrixLrIsTheRateOfTheMatrices) {
  RunConfig c = tiny_config();
  c.optimizer = "muon";
  c.steps = 1;
  c.weight_decay = 0;
  std::vector<std::vector<Tensor>> trained;
  for (const double rate : {1e-9, 0.01, 0.02}) {
    c.matrix_lr = rate;
    Trainer trainer(c, data(c), "");
    trainer.run();
    trained.emplace_back();
    for (const NamedTensor& p : trainer.model().parameters()) {
      trained.back().push_back(p.value.clone());
      if (trained.size() < 3) continue;
      const std::size_t i = trained.back().size() - 1;
      const auto change = [&](std::size_t run) {
        const std::vector<double> now = trained[run][i].to_vector(), still = trained[0][i].to_vector();
        double sum = 0;
        for (std::size_t k = 0; k < now.size(); ++k) sum += std::fabs(now[k] - still[k]);
        return sum;
      };
      const double once = change(1), twice = change(2);
      if (p.role == ParamRole::kMatrix) EXPECT_NEAR(twice / once, 2, 1e-2) << p.name;
      else EXPECT_EQ(twice, 0) << p.name;
    }
  }
}

TEST_F(TrainerTest, MuonTrainsLayersWithoutHeads) {
  RunConfig c = tiny_config();
  c.optimizer = "muon";
  c.layer_heads = "1,0";
  c.head_size = 4;
  const auto records = train(c, run("run"));
  EXPECT_LT(records.back().val_loss, records.front().val_loss);
  EXPECT_TRUE(Trainer::resume(c, data(c), run("run"))->finished());
}

// The test recomputes the average from the weights after each step. The run validates, saves and loads the average as
// the model. The updates equal those of a run without --ema.
TEST_F(TrainerTest, TheAverageOfTheWeightsIsTheModel) {
  RunConfig c = tiny_config();
  const auto plain = train(c);
  c.ema = 0.5;
  Trainer trainer(c, data(c), run("run"));
  const auto named = trainer.model().parameters();
  std::vector<std::vector<double>> average;
  for (const NamedTensor& p : named)
    average.emplace_back(p.value.data<float>(), p.value.data<float>() + p.value.numel());
  std::vector<StepRecord> records;
  trainer.run([&](const StepRecord& r) {
    records.push_back(r);
    if (r.step == c.steps) return true;
    const auto s = static_cast<double>(r.step);
    const double keep = std::min(0.5, (1 + s) / (10 + s));  // 0.5 from step 8 on; this run has 12
    for (std::size_t i = 0; i < named.size(); ++i)
      for (std::size_t k = 0; k < average[i].size(); ++k)
        average[i][k] = keep * average[i][k] + (1 - keep) * static_cast<double>(named[i].value.data<float>()[k]);
    return true;
  });
  ASSERT_EQ(records.size(), plain.size());
  for (std::size_t i = 0; i < records.size(); ++i)
    EXPECT_TRUE(records[i].step == c.steps || records[i].loss == plain[i].loss) << i;

  const TrainedModel best = load_model(run("run")), last = load_model(run("run"), CheckpointChoice::kLast);
  const auto best_named = best.model->parameters(), last_named = last.model->parameters();
  ASSERT_EQ(best.step, c.steps) << "choose a run whose best step is its last";
  double difference = 0;
  for (std::size_t i = 0; i < named.size(); ++i) {
    for (std::size_t k = 0; k < average[i].size(); ++k) {
      ASSERT_NEAR(static_cast<double>(best_named[i].value.data<float>()[k]), average[i][k], 1e-6) << named[i].name;
      ASSERT_EQ(last_named[i].value.data<float>()[k], best_named[i].value.data<float>()[k]) << named[i].name;
      difference += std::abs(static_cast<double>(named[i].value.data<float>()[k]) - average[i][k]);
    }
  }
  EXPECT_GT(difference, 1e-3) << "the model keeps the weights of the last step";
  EXPECT_EQ(evaluate(*best.model, data(c).validation).loss, records.back().val_loss);
  EXPECT_NE(records.back().val_loss, plain.back().val_loss);
  {
    const auto averaged = trainer.use_average();
    EXPECT_EQ(evaluate(trainer.model(), data(c).validation).loss, records.back().val_loss);
  }
  EXPECT_EQ(evaluate(trainer.model(), data(c).validation).loss, plain.back().val_loss);
}

TEST_F(TrainerTest, TheAverageStartsAtGivenWeights) {
  RunConfig c = tiny_config();
  c.ema = 0.5;
  Trainer source(c, data(c), "");
  source.run();
  const auto wanted = source.model().parameters();
  c.seed = 9;
  Trainer::from_model(c, data(c), run("run"), source.model());
  for (const CheckpointChoice choice : {CheckpointChoice::kBest, CheckpointChoice::kLast}) {
    const TrainedModel saved = load_model(run("run"), choice);
    const auto found = saved.model->parameters();
    for (std::size_t i = 0; i < wanted.size(); ++i)
      for (Index k = 0; k < wanted[i].value.numel(); ++k)
        ASSERT_EQ(found[i].value.data<float>()[k], wanted[i].value.data<float>()[k]) << wanted[i].name;
  }
}

TEST_F(TrainerTest, TheAverageIsPartOfItsCheckpoint) {
  RunConfig c = tiny_config();
  train(c, run("run"));
  c.ema = 0.5;
  const std::string line = error_of([&] { Trainer::resume(c, data(c), run("run")); });
  EXPECT_TRUE(contains(line, "state.safetensors") && contains(line, "average.")) << line;
  EXPECT_EQ(c.memory(65), tiny_config().memory(65) + 4 * c.cost(65).parameters);
}

// ---- best, last, divergence -----------------------------------------------------------------------------------------

TEST_F(TrainerTest, KeepsTheBestStepAndTheLast) {
  RunConfig c = tiny_config();
  c.steps = 40;
  c.eval_every = 2;
  c.lr = 1;  // far too large: the loss rises and falls
  c.optimizer = "sgd";
  const auto records = train(c, run("run"));
  const StepRecord* best = &records[0];
  for (const StepRecord& r : records)
    if (r.val_loss < best->val_loss) best = &r;
  ASSERT_LT(best->step, 40) << "choose a run whose best step is not its last";
  ASSERT_GT(best->step, 0);
  const TrainedModel kept = load_model(run("run")), last = load_model(run("run"), CheckpointChoice::kLast);
  EXPECT_EQ(kept.step, best->step);
  EXPECT_EQ(kept.val_loss, best->val_loss);
  EXPECT_EQ(last.step, 40);
  EXPECT_EQ(last.val_loss, records.back().val_loss);
  const TokenText text = data(c).validation;
  EXPECT_EQ(evaluate(*kept.model, text).loss, best->val_loss);
  EXPECT_EQ(evaluate(*last.model, text).loss, records.back().val_loss);
}

TEST_F(TrainerTest, DivergenceKeepsTheLastGoodCheckpoint) {
  for (const Index eval_every : {1, 3, 1000}) {
    for (const double fraction : {0.2, 0.0}) {
      RunConfig c = tiny_config();
      c.optimizer = "sgd";
      c.lr = 10;
      c.min_lr = 10;
      c.warmup = 0;
      c.clip = 0;
      c.weight_decay = 10;  // multiplies the weights by -99 a step
      c.momentum = 0;
      c.steps = 1000;
      c.eval_every = eval_every;
      c.val_fraction = fraction;
      const std::string out = run("diverging");
      Trainer trainer(c, data(c), out);
      std::string line;
      try {
        trainer.run();
      } catch (const DivergedError& e) {
        line = e.what();
        EXPECT_EQ(e.exit_code(), 3);
      }
      SCOPED_TRACE(cat("validated every ", eval_every, ", ", line));
      EXPECT_TRUE(contains(line, cat("training diverged at step ", trainer.step(), ": the ")));
      EXPECT_TRUE(contains(line, "the checkpoints before it are kept; use a smaller --lr (10 now)"));
      // For a loss or gradient that is not finite, the message names the first operation that produced such a value.
      if (!contains(line, ": the weight ") && !contains(line, ": the validation ")) {
        EXPECT_TRUE(contains(line, " (first in ")) << line;
      }
      for (const CheckpointChoice weights : {CheckpointChoice::kBest, CheckpointChoice::kLast}) {
        const TrainedModel kept = load_model(out, weights);
        EXPECT_LE(kept.step, trainer.step());
        for (const NamedTensor& p : kept.model->parameters())
          for (Index i = 0; i < p.value.numel(); ++i) ASSERT_TRUE(std::isfinite(p.value.data<float>()[i])) << p.name;
      }
      const std::string log = read_file(out + "/log.jsonl");
      EXPECT_TRUE(contains(log, cat("\"step\":", trainer.step() - 1, ","))) << "the log ends at the step before";
    }
  }
}

// The log is written before the checkpoint, so a checkpoint never contains steps that the log lacks.
TEST_F(TrainerTest, WithoutItsLogACheckpointIsNotWritten) {
  RunConfig c = tiny_config();
  std::string state;
  const auto train = [&] {
    Trainer(c, data(c), run("run")).run([&](const StepRecord& r) {
      if (r.step == 7) {
        state = read_file(run("run") + "/state.safetensors");
        remove_file(run("run") + "/log.jsonl");
        make_directories(run("run") + "/log.jsonl");  // a directory at the log's path makes writing fail
      }
      return true;
    });
  };
  EXPECT_TRUE(contains(error_of(train), "log.jsonl: cannot be appended to"));
  EXPECT_TRUE(state == read_file(run("run") + "/state.safetensors"));
}

TEST_F(TrainerTest, AWeightThatIsNotANumberIsNotSaved) {
  RunConfig c = tiny_config();
  Trainer trainer(c, data(c), run("run"));
  std::string state;
  const std::string line = error_of([&] {
    trainer.run([&](const StepRecord& r) {
      if (r.step != 7) return true;
      state = read_file(run("run") + "/state.safetensors");
      Tensor weight = trainer.model().parameters()[1].value;
      weight.data<float>()[0] = std::nanf("");
      return false;  // asks for a checkpoint
    });
  });
  EXPECT_TRUE(contains(line, "training diverged at step 8: the weight "));
  EXPECT_TRUE(state == read_file(run("run") + "/state.safetensors"));
}

TEST_F(TrainerTest, SaysWhenTheConfigurationOrThePlaceIsBad) {
  RunConfig c = tiny_config();
  const RunData text = data(c);
  write_file_atomically(directory_ / "file", "x");
  EXPECT_TRUE(contains(error_of([&] { Trainer(c, text, directory_ / "file"); }), "a file is in the way"));
  EXPECT_EQ(read_file(directory_ / "file"), "x");
  c.width = 9;
  EXPECT_TRUE(contains(error_of([&] { Trainer(c, text, run("run")); }), "width 9 is not divisible by 2 heads"));
  EXPECT_FALSE(path_exists(run("run")));
}

// ---- given weights --------------------------------------------------------------------------------------------------

TEST(Trainer, StartsFromGivenWeights) {
  const TemporaryDirectory directory;
  RunConfig config = tiny_config();
  Trainer first(config, tiny_data(directory, config), directory / "first");
  first.run();
  config.steps = 4;
  const auto second = Trainer::from_model(config, tiny_data(directory, config), directory / "second", first.model());
  EXPECT_EQ(second->step(), 0);
  EXPECT_EQ(second->best_val_loss(), first.last_val_loss());
  EXPECT_EQ(load_model(directory / "second").val_loss, first.last_val_loss()) << "saved at once";
  const std::vector<NamedTensor> a = first.model().parameters(), b = second->model().parameters();
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].value.to_vector(), b[i].value.to_vector()) << a[i].name;
    EXPECT_FALSE(a[i].value.same_storage(b[i].value)) << a[i].name;
  }
  second->run();
  EXPECT_EQ(second->step(), 4);
  config.width = 16;
  EXPECT_TRUE(contains(
      error_of([&] { Trainer::from_model(config, tiny_data(directory, config), directory / "third", first.model()); }),
      "the source has tokens.weight"));
}

// Layers may have different numbers of heads, or none; such a run trains, resumes and loads like any other.
TEST(Trainer, TrainsModelsWithUnevenLayers) {
  const TemporaryDirectory directory;
  RunConfig config = tiny_config();
  config.layer_heads = "1,0";
  config.head_size = 4;
  auto trainer = std::make_unique<Trainer>(config, tiny_data(directory, config), directory / "run");
  trainer->run();
  EXPECT_EQ(as_transformer(trainer->model(), "test").blocks[0]->attn->heads(), 1);
  EXPECT_EQ(as_transformer(trainer->model(), "test").blocks[1]->attn->heads(), 0);
  EXPECT_LT(trainer->best_val_loss(), 3);
  const TrainedModel loaded = load_model(directory / "run");
  EXPECT_EQ(loaded.model->parameter_count(), trainer->model().parameter_count());
  trainer.reset();  // only one trainer may write a run
  RunConfig longer = config;
  longer.steps = 15;
  const auto resumed = Trainer::resume(longer, tiny_data(directory, config), directory / "run");
  resumed->run();
  EXPECT_EQ(resumed->step(), 15);
}

}  // namespace
}  // namespace headlight
