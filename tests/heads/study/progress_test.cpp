// TrainingProgress and interruption of long measurements.
#include "heads/study/progress.h"

#include <functional>

#include "headlight/base/random.h"
#include "heads/study/head_study.h"
#include "heads/tiny_model.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

TEST(Progress, CountsAndAsks) {
  Progress nobody;
  nobody.begin("heads", 1);
  nobody.next();
  std::vector<std::string> said;
  Progress m([&](const char* what, Index done, Index of) {
    said.push_back(cat(what, " ", done, "/", of));
    return said.size() < 5;
  });
  m.begin("heads", 2);
  m.next();
  m.ask();
  m.begin("pairs", 3);
  EXPECT_EQ(said, (std::vector<std::string>{"heads 0/2", "heads 1/2", "heads 1/2", "pairs 0/3"}));
  try {
    m.next();
    FAIL() << "it was told to stop";
  } catch (const InterruptedError& e) {
    EXPECT_EQ(e.exit_code(), 130);
    EXPECT_STREQ(e.what(), "stopped at 1 of 3 pairs");
  }
}

class MeasuredStudy : public TinyModel {
 protected:
  MeasuredStudy() {
    data_.source = "text";
    data_.vocabulary = vocabulary_;
    data_.train = data_.validation = text_;
  }
  HeadStudy study(const Progress::Callback& callback = {}) const {
    StudyOptions options;
    options.untrained = 3;
    options.untrained_ablated = 2;
    options.subspaces = 4;
    options.random_orders = 2;
    options.curves = options.replicates = true;
    options.progress = Progress(callback);
    return study_heads(*model_, data_, options);
  }
  RunData data_;
};

TEST_F(MeasuredStudy, NegativeCountsAreRefused) {
  const std::vector<std::function<void(StudyOptions&)>> changes = {
      [](StudyOptions& o) { o.windows = -1; }, [](StudyOptions& o) { o.untrained = -1; },
      [](StudyOptions& o) { o.untrained_ablated = -1; }, [](StudyOptions& o) { o.subspaces = -1; },
      [](StudyOptions& o) { o.random_orders = -1; }};
  for (const auto& change : changes) {
    StudyOptions options;
    change(options);
    EXPECT_THROW(study_heads(*model_, data_, options), Error);
  }
}

TEST_F(MeasuredStudy, EveryStageIsCountedToItsEnd) {
  struct Stage {
    std::string what;
    Index done, of;
  };
  std::vector<Stage> stages;
  const HeadStudy watched = study([&](const char* what, Index done, Index of) {
    if (stages.empty() || stages.back().what != what) {
      EXPECT_EQ(done, 0) << what;
      stages.push_back({what, 0, of});
    }
    EXPECT_TRUE(done == stages.back().done || done == stages.back().done + 1) << what;
    EXPECT_EQ(of, stages.back().of) << what;
    stages.back().done = done;
    return true;
  });
  // Counted by hand for 6 heads. Scored: the model and 3 untrained models. Ablated: 3 kinds x (6 heads and all). Then
  // all pairs; 2 rotations and all heads; 2 untrained models. Orders: greedy, two others, worst first and 2 random
  // ones.
  const std::vector<std::pair<std::string, Index>> expected{{"models whose attention is scored", 4},
                                                            {"heads ablated", 21},
                                                            {"pairs of heads ablated", 15},
                                                            {"random subspaces ablated", 13},
                                                            {"heads of untrained models ablated", 14},
                                                            {"pruning orders", 6}};
  ASSERT_EQ(stages.size(), expected.size());
  for (std::size_t i = 0; i < stages.size(); ++i) {
    EXPECT_EQ(stages[i].what, expected[i].first);
    EXPECT_EQ(stages[i].of, expected[i].second) << stages[i].what;
    EXPECT_EQ(stages[i].done, stages[i].of) << stages[i].what;
  }
  EXPECT_EQ(to_json(watched), to_json(study())) << "being watched changes nothing";
}

TEST_F(MeasuredStudy, StopsWhereItIsTold) {
  int asked = 0;
  study([&](const char*, Index, Index) { return ++asked > 0; });
  ASSERT_GT(asked, 100);
  const Rng before = generator();
  for (int last = 1; last <= asked; last += 7) {
    int left = last;
    EXPECT_THROW(study([&](const char*, Index, Index) { return --left > 0; }), InterruptedError);
    EXPECT_EQ(left, 0) << "it was not asked again";
    EXPECT_EQ(generator().state(), before.state());
  }
}

TEST_F(MeasuredStudy, PruningAsksAfterEachEvaluation) {
  Index asked = 0;
  study_pruning(*model_, windows_, 2, 1, true, Progress([&](const char*, Index, Index) { return ++asked > 0; }));
  // Calls: the greedy order, each head alone, six curves of seven points, six finished orders, and the start.
  EXPECT_EQ(asked, greedy_evaluations(6) + 6 + 6 * 7 + 6 + 1);
}

TEST_F(MeasuredStudy, GreedyOrdersTakeAsManyEvaluationsAsTheySay) {
  EXPECT_EQ(greedy_evaluations(0), 0);
  EXPECT_EQ(greedy_evaluations(1), 0);
  EXPECT_EQ(greedy_evaluations(3), 3 + 2);
  EXPECT_EQ(greedy_evaluations(25), 25 + 17 * 8 + 8 + 7 + 6 + 5 + 4 + 3 + 2);
  Index evaluations = 0;
  const HeadMeans means(*model_, windows_);
  greedy_order(*model_, windows_, means, std::numeric_limits<double>::infinity(), [&] { ++evaluations; });
  EXPECT_EQ(evaluations, greedy_evaluations(6));
  TransformerConfig config = model_->config();
  config.layers = 5, config.heads = 6;
  const TransformerLM large(config);
  evaluations = 0;
  greedy_order(large, windows_, HeadMeans(large, windows_), std::numeric_limits<double>::infinity(),
               [&] { ++evaluations; });
  EXPECT_EQ(evaluations, greedy_evaluations(30));
}

}  // namespace
}  // namespace headlight
