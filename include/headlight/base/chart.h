// Curves in a terminal and in a file: a chart is described once, then drawn with Unicode braille or as SVG.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "headlight/base/columns.h"
#include "headlight/base/index.h"

namespace headlight {

struct Point {
  double x = 0, y = 0;
};

// A curve that is added to for as long as a program runs, in memory that stays bounded: where it holds more than
// `most` points, every two neighbours become one, their mean.
class Curve {
 public:
  Curve() = default;
  explicit Curve(Index most) : most_(most) {}
  // A y that is not finite is left out.
  void add(double x, double y);
  const std::vector<Point>& points() const { return points_; }
  bool empty() const { return points_.empty(); }

 private:
  Index most_ = 1024;
  Index merged_ = 1;  // how many given points make one that is held
  Index count_ = 0;   // of them in the last one
  std::vector<Point> points_;
};

// Dots in a grid of characters, 2 across and 4 down in each (Unicode braille, U+2800 to U+28FF).
class DotCanvas {
 public:
  // Sizes in characters; below 1 they count as 1.
  DotCanvas(int columns, int rows);
  int width() const { return 2 * columns_; }
  int height() const { return 4 * rows_; }
  // (0, 0) is the dot at the upper left; dots outside are left out. A character has one ink: that of its last dot.
  void dot(int x, int y, Ink ink);
  // From one dot to another, both included (Bresenham).
  void line(int x0, int y0, int x1, int y1, Ink ink);
  // Across the whole width: three dots, three left out.
  void dashes(int y, Ink ink);
  // A letter in the place of the character at a dot; false: there is one already, or the dot is outside.
  bool letter(int x, int y, char letter);
  // One string a row, without the spaces at its end.
  std::vector<std::string> rows(bool colours) const;

 private:
  std::size_t cell_of(int x, int y) const;

  int columns_, rows_;
  std::vector<unsigned char> dots_;  // of each character, by the bits of Unicode
  std::vector<Ink> inks_;
  std::string letters_;  // 0: none
};

// Round numbers from the first at or above `low` to the last at or below `high`, about `count` of them: 1, 2 or 5 times
// a power of ten apart. Fewer than two when the range is empty or not finite.
struct Ticks {
  std::vector<double> values;
  int decimals = 0;  // that tell them apart
};
Ticks round_ticks(double low, double high, int count);

// What a curve has in legends: a line in its colour, or, where there are no colours, a letter, which then stands near the
// curve's end as well.
std::string series_mark(std::size_t number, bool colours);

struct Series {
  std::string name;
  Ink ink = Ink::kPlain;
  std::vector<Point> points;  // by rising x
};
// A height to compare with: a dashed line across.
struct Level {
  std::string name;
  double y = 0;
};
struct Chart {
  std::string title;   // SVG only
  std::string x_name;  // "step"
  std::string y_name;  // "loss"; SVG only
  double x_end = 0;    // the right edge; when it is not above 0: the last point
  std::vector<Series> series;
  std::vector<Level> levels;
};

// The heights that are shown: all levels, and all points but for a steep beginning: points of the first twentieth of what
// is drawn may stick out at the top.
struct Range {
  double low = 0, high = 1;
};
Range chart_range(const Chart& chart);

// Exactly `rows` lines of at most `columns` columns: the curves with their axes, and a legend in the last line. Where room
// is short the legend goes first, then the axis below; without points there is only the frame.
std::vector<std::string> draw_chart(const Chart& chart, int columns, int rows, bool colours);
// A picture that stands for itself, width x height pixels.
std::string chart_svg(const Chart& chart, int width = 900, int height = 500);

}  // namespace headlight
