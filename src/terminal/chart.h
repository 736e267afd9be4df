// Line charts: one description, drawn with Unicode braille characters in a terminal or as an SVG image.
#pragma once

#include <string>
#include <vector>

#include "headlight/base/index.h"
#include "terminal/columns.h"

namespace headlight {

struct Point {
  double x = 0, y = 0;
};

// A curve in bounded memory: when it would exceed `capacity` points, each pair of neighboring points is merged into its
// mean, and every later point is the mean of twice as many samples.
class Curve {
 public:
  Curve() = default;
  explicit Curve(Index capacity) : capacity_(capacity) {}
  // Ignores a sample whose x or y is not finite.
  void add(double x, double y);
  const std::vector<Point>& points() const { return points_; }
  bool empty() const { return points_.empty(); }

 private:
  Index capacity_ = 1024;
  Index merged_ = 1;  // samples per point
  Index count_ = 0;   // samples in the last point
  std::vector<Point> points_;
};

// A grid of characters, each made of 2 x 4 dots (Unicode braille, U+2800 to U+28FF).
class DotCanvas {
 public:
  // Sizes in characters; at least 1 x 1 is allocated.
  DotCanvas(int columns, int rows);
  // Sizes in dots.
  int width() const { return 2 * columns_; }
  int height() const { return 4 * rows_; }
  // Sets a dot; (0, 0) is the upper left, and dots outside the grid are ignored.
  // A character has one ink, that of the last dot set in it.
  void dot(int x, int y, Color ink);
  // Draws a line between two dots, both included (Bresenham's algorithm).
  void line(int x0, int y0, int x1, int y1, Color ink);
  // Draws a dashed line across the whole width: three dots, then a gap of three.
  void dashes(int y, Color ink);
  // Replaces the character at a dot by a letter. Returns false if that character is a letter already, or is outside.
  bool letter(int x, int y, char letter);
  // One string per row, without trailing spaces.
  std::vector<std::string> rows(bool colors) const;

 private:
  std::size_t cell_of(int x, int y) const;

  int columns_, rows_;
  std::vector<unsigned char> dots_;  // one byte per character: bit i is Unicode's braille dot i + 1
  std::vector<Color> inks_;
  std::string letters_;  // '\0': no letter
};

// About `count` round numbers in [low, high], spaced by 1, 2 or 5 times a power of ten.
// Empty if the range is empty or not finite.
struct Ticks {
  std::vector<double> values;
  int decimals = 0;  // decimals needed to print the values
};
Ticks round_ticks(double low, double high, int count);

// The mark of series `number` in a legend: a line or, without colors, a letter. The chart repeats a letter at the end
// of its curve.
std::string series_mark(std::size_t number, bool colors);

struct Series {
  std::string name;
  Color ink = Color::kPlain;
  std::vector<Point> points;  // sorted by x
};
// A reference value, drawn as a horizontal dashed line.
struct Level {
  std::string name;
  double y = 0;
};
struct Chart {
  std::string title = "";   // SVG only
  std::string x_name = "";  // "step"
  std::string y_name = "";  // "loss"; SVG only
  double x_end = 0;         // right edge; if not positive, the x of the last point
  std::vector<Series> series = {};
  std::vector<Level> levels = {};
};

// The range of the y axis: contains all levels and points, except that points in the first twentieth of the x range do
// not raise its top, so that a steep start of training does not flatten the rest.
struct Range {
  double low = 0, high = 1;
};
Range chart_range(const Chart& chart);

// Draws the curves, the axes, and a legend in the last line: exactly `rows` lines of at most `columns` columns. If
// there is too little room, the legend is dropped first, then the x axis. Without points only the frame is drawn.
std::vector<std::string> draw_chart(const Chart& chart, int columns, int rows, bool colors);
// A complete SVG file of width x height pixels.
std::string chart_svg(const Chart& chart, int width = 900, int height = 500);

}  // namespace headlight
