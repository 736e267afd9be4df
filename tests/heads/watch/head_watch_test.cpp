// Measuring heads during training: the steps, unchanged training, snapshots, and resuming.
#include "heads/watch/head_watch.h"

#include <algorithm>
#include <cmath>

#include "headlight/base/threads.h"
#include "headlight/ops/ops.h"
#include "heads/sources/chorus_oracle.h"
#include "heads/study/head_study.h"
#include "support/expect_error.h"
#include "support/tiny_run.h"

namespace headlight {
namespace {

// The steps at which the heads are measured, for a training of `steps` steps.
std::vector<Index> looks(Index steps, Index every, Index eval_every) {
  std::vector<Index> at;
  for (Index step = 0; step <= steps; ++step)
    if (watches_at(step, steps, every, eval_every)) at.push_back(step);
  return at;
}

TEST(WatchesAt, ByDefaultSomeFortyDenserEarly) {
  for (const Index steps : {100, 300, 800, 2000, 7000, 100'000}) {
    const std::vector<Index> at = looks(steps, 0, steps / 8);
    EXPECT_GE(at.size(), 27u) << steps;
    EXPECT_LE(at.size(), 42u) << steps;
    EXPECT_EQ(at.front(), 0);
    EXPECT_EQ(at.back(), steps);
    Index widest = 0;
    for (std::size_t i = 1; i < at.size(); ++i) widest = std::max(widest, at[i] - at[i - 1]);
    EXPECT_LE(widest, steps / 16 + 1) << steps;
    EXPECT_LE(at[1], steps / 1000 + 1) << steps;
    const auto early = std::count_if(at.begin(), at.end(), [&](Index s) { return s <= steps / 3; });
    EXPECT_GT(static_cast<double>(early), 0.45 * static_cast<double>(at.size())) << "in the first third";
  }
  EXPECT_EQ(looks(4, 0, 1), (std::vector<Index>{0, 1, 2, 3, 4}));
  EXPECT_EQ(looks(1, 0, 1), (std::vector<Index>{0, 1}));
}

TEST(WatchesAt, ValidationsAreWatchedUnlessTheyAreMany) {
  const auto at = [](Index step, Index eval_every) { return watches_at(step, 1600, 0, eval_every); };
  ASSERT_FALSE(at(300, 1600));
  EXPECT_TRUE(at(300, 100));
  EXPECT_FALSE(at(300, 10));
}

TEST(WatchesAt, EveryNthAndTheLast) {
  EXPECT_EQ(looks(10, 4, 3), (std::vector<Index>{0, 4, 8, 10}));
  EXPECT_EQ(looks(10, 100, 3), (std::vector<Index>{0, 10}));
}

class HeadWatchTest : public testing::Test {
 protected:
  HeadWatchTest() {
    config_ = tiny_config();
    config_.layers = 2;
    config_.dropout = 0.1;  // draws random numbers, which watching must not disturb
    config_.watch_heads = true;
    config_.watch_every = 3;
  }
  ~HeadWatchTest() override { set_thread_count(before_); }
  RunData data() { return tiny_data(directory_, config_); }
  std::string path(const std::string& run) const { return cat(directory_ / run, "/heads.jsonl"); }
  // Trains and stops after step `stop`.
  void train(const std::string& run, Index stop = -1) {
    Trainer trainer(config_, data(), directory_ / run);
    HeadWatch watch(trainer);
    run_watched(trainer, &watch, [&](const StepRecord& r) { return r.step != stop; });
  }
  void resume(const std::string& run) {
    const auto trainer = Trainer::resume(config_, data(), directory_ / run);
    HeadWatch watch(*trainer);
    run_watched(*trainer, &watch);
  }
  RunConfig config_;
  const TemporaryDirectory directory_;
  const int before_ = thread_count();
};

TEST_F(HeadWatchTest, ChangesNoBitOfTheTraining) {
  for (const double ema : {0.0, 0.5}) {
    SCOPED_TRACE(ema);
    config_.ema = ema;
    train("watched");
    Trainer(config_, data(), directory_ / "not").run();
    ASSERT_TRUE(remove_file(path("watched")));
    expect_same_run(directory_ / "watched", directory_ / "not");
  }
}

TEST_F(HeadWatchTest, WritesASnapshotAtEachMeasurement) {
  config_.steps = 11;
  train("run");
  const HeadHistory h = head_history(path("run"));
  EXPECT_EQ(h.heads, (std::vector<HeadId>{{0, 0}, {0, 1}, {1, 0}, {1, 1}}));
  EXPECT_EQ(h.subsets[0], "all");
  EXPECT_TRUE(h.floor.empty());
  EXPECT_TRUE(h.rules.empty());
  EXPECT_EQ(h.length, config_.context) << "the context of 8 is below the limit of 48";
  const RunData text = data();
  for (std::size_t t = 0; t < h.tokens.size(); ++t)
    EXPECT_EQ(h.tokens[t], text.vocabulary.piece(text.validation.ids[t])) << "the first of the held-out text";
  const std::vector<StepRecord> log = read_log(cat(directory_ / "run", "/log.jsonl"));
  std::vector<Index> steps;
  for (const HeadSnapshot& s : h.snapshots) {
    steps.push_back(s.step);
    const StepRecord& r = log[static_cast<std::size_t>(s.step)];
    EXPECT_NEAR(s.training_loss, s.step < 11 ? r.loss : log[10].loss, 1e-5) << s.step;
    EXPECT_EQ(std::isnan(s.validation_loss), s.step % 5 != 0 && s.step != 11) << s.step;
    if (!std::isnan(s.validation_loss)) {
      EXPECT_NEAR(s.validation_loss, r.val_loss, 1e-5);
    }
  }
  EXPECT_EQ(steps, (std::vector<Index>{0, 3, 6, 9, 11}));
}

// A snapshot equals a separate measurement of the weights at its step.
TEST_F(HeadWatchTest, ASnapshotIsOfTheWeightsOfItsStep) {
  config_.watch_every = 12;
  train("run");
  const HeadHistory h = head_history(path("run"));
  const RunData text = data();
  const TrainedModel last = load_model(directory_ / "run", CheckpointChoice::kLast);
  ASSERT_EQ(h.snapshots.back().step, 12);
  Trainer fresh(config_, data(), "");
  for (const auto& [model, s] : {std::pair{&as_transformer(fresh.model(), "fresh"), h.snapshots.front()},
                                 {&std::as_const(last.transformer("last")), h.snapshots.back()}}) {
    SCOPED_TRACE(s.step);
    const HeadWindows windows(text.validation, config_.context, kWatchedWindows);
    EXPECT_EQ(h.windows, windows.size());
    EXPECT_NEAR(s.loss[0], mean_loss(token_losses(*model, windows)), 1e-5);
    const TokenClasses classes(text.vocabulary);
    const RoleMasks masks(basic_roles(), {.ids = windows.inputs(), .classes = &classes}, config_.context);
    const HeadScores scores = score_heads(*model, windows, masks);
    for (std::size_t head = 0; head < 4; ++head) {
      const auto layer = static_cast<Index>(head / 2), of_layer = static_cast<Index>(head % 2);
      EXPECT_NEAR(s.evenness[head], scores.evenness(layer, of_layer), 1e-5);
      std::size_t told = 0;
      for (std::size_t r = 0; r < basic_roles().size(); ++r) {
        const RoleScore& score = scores.at(layer, of_layer, r);
        if (score.queries < kLabelQueries) continue;
        ASSERT_LT(told, h.roles.size());
        EXPECT_EQ(h.roles[told], basic_roles()[r].name);
        EXPECT_NEAR(s.kappa[head][told], score.kappa(), 1e-5);
        const double content = s.kappa_content[head][told];
        EXPECT_TRUE(basic_roles()[r].content ? std::abs(content - score.kappa_content()) < 1e-5 : std::isnan(content));
        ++told;
      }
      EXPECT_EQ(told, h.roles.size());
    }
    // Every row of the attention sums to 1 up to rounding.
    for (const std::vector<std::uint8_t>& bytes : s.attention) {
      std::size_t at = 0;
      for (int t = 0; t < 8; ++t) {
        int sum = 0;
        for (int j = 0; j <= t; ++j) sum += bytes[at++];
        EXPECT_NEAR(sum, 255, t + 1);
      }
    }
  }
  EXPECT_NE(h.snapshots.front().attention, h.snapshots.back().attention);
}

TEST_F(HeadWatchTest, WithEmaASnapshotIsOfTheAverage) {
  config_.ema = 0.5;
  train("averaged");
  const double loss = head_history(path("averaged")).snapshots.back().loss[0];
  const TrainedModel average = load_model(directory_ / "averaged", CheckpointChoice::kLast);
  const HeadWindows windows(data().validation, config_.context, kWatchedWindows);
  EXPECT_NEAR(loss, mean_loss(token_losses(average.transformer("average"), windows)), 1e-5);
  config_.ema = 0;
  train("not");
  EXPECT_GT(std::abs(head_history(path("not")).snapshots.back().loss[0] - loss), 1e-3);
}

TEST_F(HeadWatchTest, AResumedRunHasTheSameSnapshots) {
  train("whole");
  for (const Index stop : {0, 3, 7, 11}) {
    const std::string run = cat("stopped", stop);
    train(run, stop);
    EXPECT_LT(head_history(path(run)).snapshots.size(), 5u);
    resume(run);
    expect_same_run(directory_ / "whole", directory_ / run);
  }
}

// A run killed after the checkpoint of step 5. Snapshots of later steps exist, the last one incomplete.
TEST_F(HeadWatchTest, SnapshotsAfterTheCheckpointAreRemoved) {
  train("whole");
  const std::string run = "killed";
  try {
    Trainer trainer(config_, data(), directory_ / run);
    HeadWatch watch(trainer);
    run_watched(trainer, &watch, [&](const StepRecord& r) -> bool {
      if (r.step == 9) throw std::runtime_error("killed");
      return true;
    });
    ADD_FAILURE() << "went on";
  } catch (const std::runtime_error&) {
  }
  const std::string text = read_file(path(run));
  EXPECT_EQ(head_history(path(run)).snapshots.back().step, 9);
  write_file_atomically(path(run), text.substr(0, text.size() - 100));
  resume(run);
  expect_same_run(directory_ / "whole", directory_ / run);
}

TEST_F(HeadWatchTest, GoesOnFromARunThatIsOver) {
  train("run");
  const std::string before = read_file(path("run"));
  resume("run");
  EXPECT_EQ(read_file(path("run")), before);
  config_.steps = 20;
  resume("run");
  std::vector<Index> steps;
  for (const HeadSnapshot& s : head_history(path("run")).snapshots) steps.push_back(s.step);
  EXPECT_EQ(steps, (std::vector<Index>{0, 3, 6, 9, 12, 15, 18, 20}));
}

TEST_F(HeadWatchTest, BeginsInTheMiddleOfARun) {
  Trainer(config_, data(), directory_ / "run").run([](const StepRecord& r) { return r.step != 4; });
  resume("run");
  EXPECT_EQ(head_history(path("run")).snapshots.front().step, 6);
}

TEST_F(HeadWatchTest, AnEarlyEndIsSeen) {
  config_.patience = 1;
  config_.lr = 1e-9;
  config_.min_lr = 1e-9;
  config_.eval_every = 2;
  config_.steps = 100;
  config_.watch_every = 1000;
  train("run");
  const HeadHistory h = head_history(path("run"));
  const std::vector<StepRecord> log = read_log(cat(directory_ / "run", "/log.jsonl"));
  ASSERT_LT(log.back().step, 100) << "or it did not end early";
  ASSERT_EQ(h.snapshots.size(), 2u);
  EXPECT_EQ(h.snapshots.back().step, log.back().step);
}

TEST_F(HeadWatchTest, RefusesWhatItCannotGoOnWith) {
  train("run", 7);
  const std::string before = read_file(path("run"));
  const auto refused = [&](const std::string& text, const std::string& part) {
    write_file_atomically(path("run"), text);
    const std::string error = error_of([&] { resume("run"); });
    EXPECT_TRUE(contains(error, part));
    EXPECT_TRUE(contains(error, "move")) << "how to mend";
    EXPECT_EQ(read_file(path("run")), text);
  };
  refused("{}\n", "heads.jsonl: its heads, roles or text differ");
  refused(before.substr(0, before.find('\n') + 1) + "{}\n", "line 2");
  write_file_atomically(path("run"), before);
  resume("run");
  config_.layer_heads = "0,0";
  EXPECT_TRUE(contains(error_of([&] { train("none"); }), "omit --watch-heads"));
}

TEST_F(HeadWatchTest, ANewRunBeginsANewFile) {
  train("run");
  config_.watch_every = 12;
  train("run");
  EXPECT_EQ(head_history(path("run")).snapshots.size(), 2u);
  Trainer(config_, data(), directory_ / "run").run();
  EXPECT_FALSE(path_exists(path("run"))) << "of the run that was replaced";
}

TEST_F(HeadWatchTest, SaysWhatEachHeadDoes) {
  Trainer trainer(config_, data(), "");
  HeadWatch watch(trainer);
  EXPECT_TRUE(watch.lines().empty()) << "nothing was seen yet";
  run_watched(trainer, &watch);
  EXPECT_EQ(watch.snapshots(), 5);
  EXPECT_GT(watch.seconds(), 0);
  const std::vector<HeadLine> lines = watch.lines();
  ASSERT_EQ(lines.size(), 4u);
  const std::vector<std::string>& roles = watch.watched().roles;
  for (const HeadLine& line : lines) {
    EXPECT_NE(std::find(roles.begin(), roles.end(), line.role), roles.end());
    ASSERT_EQ(line.kappa.points().size(), 5u);
    EXPECT_EQ(line.kappa.points().back().x, 12);
  }
}

// The text of the fixture, and a hand-made model whose head 2 attends to two places equally.
using WatchedOracle = ChorusOracle;

TEST_F(WatchedOracle, MixedLabelsNameAllRoles) {
  make({{{"back-1"}, {"topic"}, {"back-3", 1, true}}});
  RunConfig config = run_config();
  config.steps = 1;
  config.watch_heads = true;
  const auto trainer = Trainer::from_model(config, data_, "", *model_);
  HeadWatch watch(*trainer);
  std::vector<HeadLine> lines;
  trainer->run({}, [&](const StepRecord& r) {
    watch.before(r);
    if (r.step == 0) lines = watch.lines();
  });
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].role, "previous");
  EXPECT_EQ(lines[2].role, "mixed: offset-3 + first");
  EXPECT_TRUE(lines[2].sure);
  EXPECT_NEAR(lines[2].kappa.points().back().y, 0.5, 0.1);
}

// A corpus of sequences: floors, rules and evidence roles.
TEST_F(HeadWatchTest, KnowsTheTruthOfACorpus) {
  config_.data = "";
  config_.corpus = "roles";
  config_.corpus_chars = 20'000;
  config_.context = 96;
  config_.steps = 1;
  config_.eval_windows = 2;
  Trainer trainer(config_, load_run_data(config_), directory_ / "run");
  HeadWatch watch(trainer);
  run_watched(trainer, &watch);
  const HeadHistory h = head_history(path("run"));
  EXPECT_EQ(h.length, 64) << "of a whole sequence";
  EXPECT_EQ(h.tokens[0], "\n");
  ASSERT_EQ(h.rules.size(), 64u);
  EXPECT_NE(std::find(h.roles.begin(), h.roles.end(), "evidence of topic"), h.roles.end());
  const auto topic = std::find(h.subsets.begin(), h.subsets.end(), "topic") - h.subsets.begin();
  ASSERT_LT(topic, static_cast<std::ptrdiff_t>(h.subsets.size()));
  EXPECT_EQ(h.floor[static_cast<std::size_t>(topic)], 0) << "the rule leaves no choice";
  EXPECT_GT(h.floor[0], 2.0);
  for (std::size_t t = 0; t < 64; ++t) EXPECT_FALSE(h.rules[t].empty()) << t;
}

}  // namespace
}  // namespace headlight
