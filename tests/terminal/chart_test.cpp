// Charts in the terminal and as SVG, the braille canvas, curves of bounded size, and terminal text.
#include "terminal/chart.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/format.h"
#include "headlight/base/text.h"

namespace headlight {
namespace {

using Lines = std::vector<std::string>;

TEST(DotCanvas, DotsAreTheBitsOfBraille) {
  // Unicode: dots 1 to 8 are bits 0 to 7. Dots 1 2 3 7 form the left column, dots 4 5 6 8 the right.
  const char* left[] = {"⠁", "⠂", "⠄", "⡀"};
  const char* right[] = {"⠈", "⠐", "⠠", "⢀"};
  for (int y = 0; y < 4; ++y) {
    DotCanvas a(1, 1), b(1, 1);
    a.dot(0, y, Color::kPlain);
    b.dot(1, y, Color::kPlain);
    EXPECT_EQ(a.rows(false), Lines{left[y]});
    EXPECT_EQ(b.rows(false), Lines{right[y]});
  }
}

TEST(DotCanvas, LinesAreDrawnFromEndToEnd) {
  DotCanvas canvas(4, 2);
  canvas.line(0, 0, 7, 7, Color::kPlain);
  EXPECT_EQ(canvas.rows(false), (Lines{"⠑⢄", "  ⠑⢄"}));
  DotCanvas back(4, 2);
  back.line(7, 7, 0, 0, Color::kPlain);
  EXPECT_EQ(back.rows(false), canvas.rows(false));
  DotCanvas flat(3, 1);
  flat.line(0, 3, 5, 3, Color::kPlain);
  EXPECT_EQ(flat.rows(false), Lines{"⣀⣀⣀"});
}

TEST(DotCanvas, IgnoresDotsOutside) {
  DotCanvas canvas(2, 1);
  for (const auto& [x, y] : {std::pair{-1, 0}, {0, -1}, {4, 0}, {0, 4}}) canvas.dot(x, y, Color::kPlain);
  canvas.line(-3, 1, 9, 1, Color::kPlain);
  EXPECT_EQ(canvas.rows(false), Lines{"⠒⠒"});
  EXPECT_EQ(DotCanvas(0, -1).rows(false), Lines{""});
}

TEST(DotCanvas, ColorCodesEncloseRunsOfOneInk) {
  DotCanvas canvas(5, 1);
  canvas.line(2, 0, 3, 0, Color::kBlue);
  canvas.line(6, 0, 7, 0, Color::kYellow);
  EXPECT_EQ(canvas.rows(true), Lines{" \033[94m⠉ \033[0m\033[33m⠉\033[0m"});
  EXPECT_EQ(canvas.rows(false), Lines{" ⠉ ⠉"});
}

TEST(Curve, StaysBoundedAndKeepsTheMean) {
  Curve curve(64);
  double sum = 0;
  for (int i = 0; i < 8192; ++i) {
    curve.add(i, i % 7);
    sum += i % 7;
    ASSERT_LE(curve.points().size(), 64u);
  }
  ASSERT_GE(curve.points().size(), 32u);
  double mean = 0;
  for (const Point& p : curve.points()) mean += p.y / static_cast<double>(curve.points().size());
  EXPECT_NEAR(mean, sum / 8192, 1e-9);
  for (std::size_t i = 1; i < curve.points().size(); ++i) EXPECT_GT(curve.points()[i].x, curve.points()[i - 1].x);
}

TEST(Curve, IgnoresNonFiniteSamples) {
  Curve curve;
  curve.add(1, std::nan(""));
  curve.add(2, INFINITY);
  EXPECT_TRUE(curve.empty());
  curve.add(3, 4);
  EXPECT_EQ(curve.points().size(), 1u);
}

TEST(Ticks, AreRoundAndInside) {
  const Ticks a = round_ticks(0, 2000, 5);
  EXPECT_EQ(a.values, (std::vector<double>{0, 500, 1000, 1500, 2000}));
  EXPECT_EQ(a.decimals, 0);
  const Ticks b = round_ticks(1.83, 2.11, 3);
  ASSERT_EQ(b.values.size(), 3u);
  EXPECT_NEAR(b.values[0], 1.9, 1e-12);
  EXPECT_EQ(b.decimals, 1);
  for (const auto& [low, high] : {std::pair{1.0, 1.0}, {2.0, 1.0}, {0.0, INFINITY}, {std::nan(""), 1.0}})
    EXPECT_TRUE(round_ticks(low, high, 4).values.empty());
  // The number of ticks is bounded for every range.
  for (double high = 1e-9; high < 1e12; high *= 3.7) {
    const std::size_t count = round_ticks(0, high, 5).values.size();
    EXPECT_GE(count, 2u) << high;
    EXPECT_LE(count, 7u) << high;
  }
}

Chart falling() {
  Chart chart;
  chart.x_name = "step";
  chart.x_end = 40;
  Series s{"loss", Color::kBlue, {}};
  for (int i = 0; i <= 40; ++i) s.points.push_back({static_cast<double>(i), 4 - i / 20.0});
  chart.series.push_back(s);
  chart.levels.push_back({"floor", 1});
  return chart;
}

TEST(Chart, IsDrawnAsExpected) {
  EXPECT_EQ(draw_chart(falling(), 30, 8, false), (Lines{
                                                     "  │⠉⠒⠒⠒⠤⠤⣀⣀",
                                                     "3 ┤        ⠉⠉⠒⠒⠢⠤⢄⣀⡀",
                                                     "  │                ⠈⠉⠑⠒⠢⠤⠤⣀⣀",
                                                     "2 ┤                         ⠉⠉",
                                                     "1 ┤⠤⠄ ⠤⠄ ⠤⠄ ⠤⠄ ⠤⠄ ⠤⠄ ⠤⠄ ⠤⠄ ⠤⠄",
                                                     "  └┬────────────┬────────────┬",
                                                     "   0           20           40",
                                                     "━ loss   ╌ floor 1.00",
                                                 }));
}

TEST(Chart, HasTheRequestedSize) {
  for (int columns = 1; columns < 90; columns += 3) {
    for (int rows = 0; rows < 30; ++rows) {
      const Lines lines = draw_chart(falling(), columns, rows, false);
      ASSERT_EQ(static_cast<int>(lines.size()), rows);
      for (const std::string& line : lines) ASSERT_LE(columns_of(line), columns) << columns << "x" << rows << line;
    }
  }
}

TEST(Chart, AcceptsAnyInput) {
  const double nan = std::nan("");
  for (const std::vector<Point>& points :
       {std::vector<Point>{}, {{0, 1}}, {{0, nan}, {1, INFINITY}}, {{5, 2}, {5, 2}}, {{0, 1e300}, {1, -1e300}}}) {
    Chart chart;
    chart.series = {{"a", Color::kBlue, points}};
    chart.levels = {{"b", nan}};
    EXPECT_EQ(draw_chart(chart, 40, 10, true).size(), 10u);
    EXPECT_EQ(chart_svg(chart).find("nan"), chart_svg(chart).find("nan nan"));
  }
}

TEST(Chart, WithoutColorsCurvesHaveLetters) {
  Chart chart = falling();
  const Lines one = draw_chart(chart, 40, 10, false);
  EXPECT_NE(one.back().find("━ loss"), std::string::npos) << one.back();
  chart.series.push_back(chart.series[0]);
  chart.series[1].name = "the same";
  const Lines two = draw_chart(chart, 60, 10, false), colored = draw_chart(chart, 60, 10, true);
  EXPECT_NE(two.back().find("a loss   b the same"), std::string::npos) << two.back();
  std::string drawn, with_colors;
  for (std::size_t i = 0; i + 3 < two.size(); ++i) drawn += two[i];
  for (const std::string& line : colored) with_colors += line;
  // Letters of curves that end at the same point are drawn side by side.
  EXPECT_EQ(std::count(drawn.begin(), drawn.end(), 'a'), 1) << drawn;
  EXPECT_EQ(std::count(drawn.begin(), drawn.end(), 'b'), 1) << drawn;
  EXPECT_EQ(with_colors.find("a loss"), std::string::npos);
}

TEST(Chart, ASteepBeginningDoesNotFlattenTheRest) {
  Chart chart;
  chart.series = {{"a", Color::kBlue, {{0, 100}}}};
  for (int i = 1; i <= 100; ++i) chart.series[0].points.push_back({static_cast<double>(i), 2.0 - i / 100.0});
  EXPECT_LT(chart_range(chart).high, 2.1);
  chart.levels = {{"b", 3}};
  EXPECT_GT(chart_range(chart).high, 3);
}

TEST(Chart, AsSvgHoldsCurvesLevelsAndEscapedNames) {
  Chart chart = falling();
  chart.title = "a < b & \"c\"";
  const std::string svg = chart_svg(chart, 400, 300);
  EXPECT_EQ(svg.rfind("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 300\"", 0), 0u);
  EXPECT_NE(svg.find("a &lt; b &amp; &quot;c&quot;"), std::string::npos);
  EXPECT_NE(svg.find("stroke-dasharray"), std::string::npos);
  EXPECT_NE(svg.find("floor 1.000"), std::string::npos);
  // The first point is at the left edge, the last at the right; the first is higher.
  const std::size_t at = svg.find("points=\"");
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(svg.compare(at + 8, 5, "60.0,"), 0) << svg.substr(at, 30);
  const std::string points = svg.substr(at + 8, svg.find('"', at + 8) - at - 8);
  EXPECT_NE(points.find(" 380.0,"), std::string::npos);
  EXPECT_LT(std::stod(points.substr(5)), std::stod(points.substr(points.rfind(',') + 1)));
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
}

// Names that do not fit one line below a narrow chart continue on the next line.
TEST(Chart, WrapsTheNamesOfANarrowImage) {
  Chart chart;
  for (const char* name : {"tanh-RNN", "LSTM", "GRU", "attention"})
    chart.series.push_back({name, Color::kBlue, {{0, 1}, {1, 2}}});
  for (const int width : {340, 760}) {
    const std::string svg = chart_svg(chart, width, 300);
    double y_of_first = 0;
    for (const Series& s : chart.series) {
      const std::size_t text = svg.find(">" + s.name + "<");
      ASSERT_NE(text, std::string::npos) << s.name;
      const std::size_t at = svg.rfind("<text", text);
      double x = 0, y = 0;
      ASSERT_EQ(std::sscanf(svg.c_str() + at, "<text x=\"%lf\" y=\"%lf\"", &x, &y), 2) << svg.substr(at, 60);
      EXPECT_LE(x + 7.5 * static_cast<double>(s.name.size()), width) << s.name;
      EXPECT_LT(y, 300);
      if (y_of_first == 0) y_of_first = y;
      EXPECT_EQ(y > y_of_first, width == 340 && (s.name == "GRU" || s.name == "attention")) << s.name;
    }
  }
}

TEST(Columns, WideCharactersTakeTwo) {
  EXPECT_EQ(columns_of("abc"), 3);
  EXPECT_EQ(columns_of("é日🙂"), 1 + 2 + 2);
  EXPECT_EQ(columns_of("a\x1b[0m"), 5) << "an escape is one '?'";
}

TEST(Columns, TextIsCutPaddedAndWrapped) {
  EXPECT_EQ(cut_to("headlight", 5), "head…");
  EXPECT_EQ(cut_to("日本語", 5), "日本…");
  EXPECT_EQ(cut_to("日本語", 4), "日…");
  EXPECT_EQ(cut_to("abc", 0), "");
  EXPECT_EQ(left_in("ab", 4), "ab  ");
  EXPECT_EQ(right_in("ab", 4), "  ab");
  EXPECT_EQ(wrapped("one two\nthree", 4, 9), (Lines{"one ", "two", "thre", "e"}));
  EXPECT_EQ(wrapped("one two\nthree", 4, 2), (Lines{"one ", "two"}));
  EXPECT_EQ(wrapped("a\n\nb", 4, 9), (Lines{"a", "", "b"}));
  EXPECT_EQ(wrapped("日本", 3, 9), (Lines{"日", "本"}));
  EXPECT_EQ(wrapped("\x1b[2Jx\xFF", 9, 9), (Lines{"?[2Jx�"}));
  EXPECT_TRUE(wrapped("abc", 4, 0).empty());
}

TEST(Format, OfNumbers) {
  EXPECT_EQ(fixed_text(-0.0001, 2), "0.00");
  EXPECT_EQ(fixed_text(-1.25, 1), "-1.2");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(12345), "12.3k");
  EXPECT_EQ(count_text(4.5e6), "4.50M");
  EXPECT_EQ(duration_text(42.4), "0:42");
  EXPECT_EQ(duration_text(3800), "1:03:20");
}

}  // namespace
}  // namespace headlight
