// DotCanvas, the braille canvas of charts, and Curve, which bounds the number of points.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/utf8.h"
#include "terminal/chart.h"

namespace headlight {

void Curve::add(double x, double y) {
  if (!std::isfinite(x) || !std::isfinite(y)) return;
  if (count_ == 0 || count_ == merged_) {
    if (static_cast<Index>(points_.size()) >= std::max<Index>(capacity_, 2)) {
      // Every point here is the mean of `merged_` samples, so the mean of two points is the mean of all their samples.
      std::size_t kept = 0;
      for (std::size_t i = 0; i + 1 < points_.size(); i += 2)
        points_[kept++] = {(points_[i].x + points_[i + 1].x) / 2, (points_[i].y + points_[i + 1].y) / 2};
      if (points_.size() % 2 == 1) {
        points_[kept++] = points_.back();
        count_ = merged_;
      } else {
        count_ = 2 * merged_;
      }
      points_.resize(kept);
      merged_ *= 2;
    }
    if (count_ == 0 || count_ == merged_) {
      points_.push_back({x, y});
      count_ = 1;
      return;
    }
  }
  ++count_;
  Point& mean = points_.back();
  mean.x += (x - mean.x) / static_cast<double>(count_);
  mean.y += (y - mean.y) / static_cast<double>(count_);
}

DotCanvas::DotCanvas(int columns, int rows) : columns_(std::max(columns, 1)), rows_(std::max(rows, 1)) {
  const auto cells = static_cast<std::size_t>(columns_) * static_cast<std::size_t>(rows_);
  dots_.assign(cells, 0);
  inks_.assign(cells, Color::kPlain);
  letters_.assign(cells, '\0');
}

std::size_t DotCanvas::cell_of(int x, int y) const {
  return static_cast<std::size_t>(y / 4) * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(x / 2);
}

void DotCanvas::dot(int x, int y, Color ink) {
  if (x < 0 || y < 0 || x >= width() || y >= height()) return;
  // Unicode numbers the upper three dots of the left column first, then those of the right column, then the lowest two.
  constexpr unsigned char kBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  const std::size_t cell = cell_of(x, y);
  dots_[cell] = static_cast<unsigned char>(dots_[cell] | kBits[y % 4][x % 2]);
  inks_[cell] = ink;
}

void DotCanvas::line(int x0, int y0, int x1, int y1, Color ink) {
  const int dx = std::abs(x1 - x0), dy = -std::abs(y1 - y0), step_x = x0 < x1 ? 1 : -1, step_y = y0 < y1 ? 1 : -1;
  for (int error = dx + dy;;) {
    dot(x0, y0, ink);
    if (x0 == x1 && y0 == y1) return;
    const int twice = 2 * error;
    if (twice >= dy) {
      error += dy;
      x0 += step_x;
    }
    if (twice <= dx) {
      error += dx;
      y0 += step_y;
    }
  }
}

void DotCanvas::dashes(int y, Color ink) {
  for (int x = 0; x < width(); ++x)
    if (x % 6 < 3) dot(x, y, ink);
}

bool DotCanvas::letter(int x, int y, char letter) {
  if (x < 0 || y < 0 || x >= width() || y >= height() || letters_[cell_of(x, y)] != 0) return false;
  letters_[cell_of(x, y)] = letter;
  dots_[cell_of(x, y)] = 0xFF;  // marks the character as not empty
  return true;
}

std::vector<std::string> DotCanvas::rows(bool colors) const {
  std::vector<std::string> lines;
  for (int row = 0; row < rows_; ++row) {
    const std::size_t first = static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_);
    std::size_t used = static_cast<std::size_t>(columns_);
    while (used > 0 && dots_[first + used - 1] == 0) --used;
    std::string line;
    for (std::size_t i = 0; i < used;) {
      // A run of characters of one ink; empty characters fit into any run.
      const Color ink = inks_[first + i];
      std::string run;
      for (; i < used && (inks_[first + i] == ink || dots_[first + i] == 0); ++i) {
        if (dots_[first + i] == 0) run += ' ';
        else if (letters_[first + i] != 0) run += letters_[first + i];
        else append_utf8(run, 0x2800 + static_cast<char32_t>(dots_[first + i]));
      }
      line += inked(run, ink, colors);
    }
    lines.push_back(line);
  }
  return lines;
}

}  // namespace headlight
