// Dashboard frames of every size, the sparkline and the progress bar.
#include "terminal/dashboard.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/expect_error.h"

namespace headlight {
namespace {

Dashboard board() {
  Dashboard b;
  b.title = "my.txt: 108k parameters";
  b.step = 500;
  b.steps = 1000;
  b.seconds_left = 75;
  b.loss = 2.1234;
  b.val_loss = 2.2;
  b.best_val_loss = 2.15;
  b.best_step = 400;
  b.tokens_per_second = 26000;
  b.share_of_peak = 0.558;
  b.lr = 0.00065;
  b.grad_norm = 1.5;
  for (int i = 0; i < 500; ++i) b.train.add(i, 4 - i / 250.0);
  for (int i = 0; i <= 500; i += 100) b.validation.add(i, 4.1 - i / 250.0);
  b.levels = {{"unigram", 3.35}, {"bigram", 2.49}};
  b.sample = "First Citizen:\nBefore we proceed any further, hear me speak.";
  b.sample_step = 480;
  return b;
}

HeadLine head_line(const std::string& head, const std::string& role, bool sure, double kappa) {
  HeadLine line{head, role, sure, {}};
  for (int step = 0; step <= 500; step += 100) line.kappa.add(step, kappa * step / 500);
  return line;
}

std::string all(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(Dashboard, ShowsEverythingAt80x24) {
  const std::vector<std::string> frame = dashboard_frame(board(), 80, 24, false);
  ASSERT_GE(frame.size(), 20u);
  EXPECT_EQ(frame[0], "my.txt: 108k parameters");
  EXPECT_EQ(frame[1], progress_bar(0.5, 50) + " 50%  step 500/1000  1:15 left");
  EXPECT_EQ(frame[2], "loss 2.123   validation 2.200   best 2.150 at step 400");
  EXPECT_EQ(frame[3], "26.0k tokens/s, 56% of FMA peak   lr 0.000650   gradient 1.50");
  const std::string text = all(frame);
  for (const char* part : {"a training   b validation   ╌ unigram 3.35   ╌ bigram 2.49", "sample at step 480\n",
                           "First Citizen:\nBefore we proceed", "⠤", "\n3.5 ┤"})
    EXPECT_TRUE(contains(text, part)) << text;
}

TEST(Dashboard, PlacesTheSampleBesideTheChartInWideWindows) {
  const std::vector<std::string> frame = dashboard_frame(board(), 200, 50, false);
  EXPECT_EQ(frame.size(), 50u);
  EXPECT_TRUE(contains(frame[5], "First Citizen:"));
  EXPECT_TRUE(contains(frame[5], "│") || contains(frame[5], "┤"));
}

TEST(Dashboard, FitsEveryWindowAndKeepsTheBar) {
  Dashboard b = board();
  b.notice = "overfitting: no better validation loss since step 400";
  for (int i = 0; i < 9; ++i) b.heads.push_back(head_line(cat("L0H", i), "previous", i % 2 == 0, 0.1 * i));
  for (int columns = 1; columns <= 130; ++columns) {
    for (int rows = 1; rows <= 30; ++rows) {
      const std::vector<std::string> frame = dashboard_frame(b, columns, rows, false);
      ASSERT_LE(static_cast<int>(frame.size()), rows) << columns << "x" << rows;
      for (const std::string& line : frame) ASSERT_LE(columns_of(line), columns) << columns << "x" << rows << line;
      if (columns >= 40) {
        EXPECT_TRUE(contains(all(frame), "50%")) << columns << "x" << rows;
      }
    }
  }
  const std::string small = all(dashboard_frame(b, 40, 10, false));
  for (const char* part : {"loss 2.123", "tokens/s", "overfitting", "┤"}) EXPECT_TRUE(contains(small, part)) << small;
}

TEST(Dashboard, ShowsALineForEachHead) {
  Dashboard b = board();
  b.heads = {head_line("L0H0", "previous", true, 0.93), head_line("L0H1", "evidence of key-again", false, -0.1)};
  const std::vector<std::string> frame = dashboard_frame(b, 80, 24, false);
  EXPECT_EQ(frame[4],
            cat("L0H0  previous", std::string(17, ' '), "▁▁▁▂▂▂▂▃▃▃▃▅▅▅▅▆▆▆▆██", std::string(21, ' '), "0.93"));
  EXPECT_TRUE(contains(frame[5], "L0H1  (evidence of key-again)  ▁▁"));
  EXPECT_TRUE(contains(frame[5], " -0.10"));
  EXPECT_TRUE(contains(all(frame), "sample at step"));
  EXPECT_TRUE(contains(all(frame), "a training"));
}

TEST(Dashboard, ArrangesManyHeadsInColumns) {
  Dashboard b = board();
  for (int i = 0; i < 16; ++i) b.heads.push_back(head_line(cat("L", i / 4, "H", i % 4), "induction", i % 2 == 0, 0.5));
  const std::vector<std::string> frame = dashboard_frame(b, 80, 24, false);
  const std::string text = all(frame);
  for (const HeadLine& h : b.heads)
    EXPECT_TRUE(contains(text, h.head + "  (i") || contains(text, h.head + "  indu")) << text;
  EXPECT_TRUE(contains(text, "┤")) << "the chart keeps its place";
  // A wide window shows the heads to the right of the chart, above the sample.
  const std::vector<std::string> wide = dashboard_frame(b, 200, 50, false);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_TRUE(contains(wide[4 + i], b.heads[i].head + "  ")) << wide[4 + i];
  EXPECT_TRUE(contains(wide[21], "sample at step 480"));
  // A frame that omits heads shows their total number.
  for (int i = 16; i < 200; ++i) b.heads.push_back(head_line("L9H9", "induction", true, 0.5));
  EXPECT_TRUE(contains(all(dashboard_frame(b, 80, 24, false)), "... 200 heads in all"));
}

TEST(Sparkline, FollowsTheSteps) {
  Curve curve;
  EXPECT_EQ(sparkline(curve, 100, 4), "    ");
  curve.add(0, 0);
  EXPECT_EQ(sparkline(curve, 100, 4), "▁   ");
  curve.add(30, 1);
  curve.add(50, -0.5);
  EXPECT_EQ(sparkline(curve, 100, 4), "▁▁▁ ") << "the last value known at the end of each";
  curve.add(60, 0.5);
  curve.add(100, 0.99);
  EXPECT_EQ(sparkline(curve, 100, 5), "▁█▅▅█");
  EXPECT_EQ(sparkline(curve, 100, 0), "");
}

TEST(Dashboard, OmitsUnknownFigures) {
  const std::string text = all(dashboard_frame(Dashboard(), 80, 24, false));
  EXPECT_FALSE(contains(text, "nan")) << text;
  for (const char* part : {"loss", "best", "lr ", "gradient", "tokens/s", "sample"})
    EXPECT_FALSE(contains(text, part)) << text;
}

TEST(Dashboard, ColorsOnlyWhenRequested) {
  EXPECT_FALSE(contains(all(dashboard_frame(board(), 80, 24, false)), "\033"));
  EXPECT_TRUE(contains(all(dashboard_frame(board(), 80, 24, true)), "\033[94mloss 2.123\033[0m"));
}

TEST(Dashboard, ASampleCannotTouchTheTerminal) {
  Dashboard b = board();
  b.sample = "a\033[2Jb\rc\ad";
  EXPECT_TRUE(contains(all(dashboard_frame(b, 80, 24, false)), "a?[2Jb?c?d"));
}

TEST(ProgressBar, CountsInEighths) {
  EXPECT_EQ(progress_bar(0, 4), "░░░░");
  EXPECT_EQ(progress_bar(1, 4), "████");
  EXPECT_EQ(progress_bar(0.5, 4), "██░░");
  EXPECT_EQ(progress_bar(0.53125, 4), "██▏░");
  EXPECT_EQ(progress_bar(0.97, 4), "███▉");
  EXPECT_EQ(progress_bar(7, 3), "███");
  EXPECT_EQ(progress_bar(-1, 3), "░░░");
  EXPECT_EQ(progress_bar(0.5, 0), "");
}

}  // namespace
}  // namespace headlight
