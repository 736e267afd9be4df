// Charts in a terminal: tick marks, axes, legends, and curves on a braille canvas.
#include "terminal/chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/format.h"
#include "headlight/base/text.h"

namespace headlight {

namespace {

// Abbreviates large whole numbers, 20000 to "20k", so that labels of long runs stay short.
std::string tick_text(double value, int decimals) {
  if (decimals == 0 && std::abs(value) >= 1e6 && std::fmod(value, 1e4) == 0) return cat(number_text(value / 1e6), "M");
  if (decimals == 0 && std::abs(value) >= 1e4 && std::fmod(value, 100) == 0) return cat(number_text(value / 1e3), "k");
  return fixed_text(value, decimals);
}

std::string repeated(const char* text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

double last_x(const Chart& chart) {
  double last = chart.x_end;
  if (last > 0) return last;
  for (const Series& s : chart.series)
    for (const Point& p : s.points) last = std::max(last, p.x);
  return last > 0 ? last : 1;
}

// Maps a value in [low, high] to [0, count].
double scaled(double value, double low, double high, double count) { return (value - low) / (high - low) * count; }

std::string legend(const Chart& chart, int columns, bool colors) {
  std::string text;
  int used = 0;
  const auto entry = [&](const char* mark, Color ink, const std::string& name) {
    const int width = columns_of(name) + 2 + (used > 0 ? 3 : 0);
    if (used + width > columns) return;
    text += cat(used > 0 ? "   " : "", inked(mark, ink, colors), " ", name);
    used += width;
  };
  const bool lines = colors || chart.series.size() < 2;
  for (std::size_t i = 0; i < chart.series.size(); ++i)
    if (!chart.series[i].name.empty()) entry(series_mark(i, lines).c_str(), chart.series[i].ink, chart.series[i].name);
  for (const Level& level : chart.levels) entry("╌", Color::kFaint, cat(level.name, " ", fixed_text(level.y, 2)));
  return text;
}

// The label to the left of each row, or "".
std::vector<std::string> row_labels(const Ticks& ticks, const Range& range, int rows) {
  std::vector<std::string> labels(static_cast<std::size_t>(rows));
  for (const double value : ticks.values) {
    const auto row = static_cast<int>(std::lround(scaled(value, range.high, range.low, 4 * rows - 1))) / 4;
    if (row >= 0 && row < rows) labels[static_cast<std::size_t>(row)] = tick_text(value, ticks.decimals);
  }
  return labels;
}

// The x axis with its tick marks, and the line of labels below it, which ends with `name` if there is room.
std::pair<std::string, std::string> x_axis(double end, int columns, const std::string& name) {
  const Ticks ticks = round_ticks(0, end, std::max(2, columns / 12));
  std::string axis, labels;
  int drawn = 0, written = 0;
  for (const double value : ticks.values) {
    const auto at = std::min(columns - 1, static_cast<int>(scaled(value, 0, end, columns)));
    if (at < drawn) continue;
    axis += repeated("─", at - drawn) + "┬";
    drawn = at + 1;
    const std::string text = tick_text(value, ticks.decimals);
    const int width = static_cast<int>(text.size()), begin = std::clamp(at - width / 2, 0, columns - width);
    if (begin < written + (written > 0 ? 1 : 0)) continue;
    labels += std::string(static_cast<std::size_t>(begin - written), ' ') + text;
    written = begin + width;
  }
  axis += repeated("─", columns - drawn);
  if (const int width = columns_of(name); width + written + 1 <= columns)
    labels += std::string(static_cast<std::size_t>(columns - written - width), ' ') + name;
  return {axis, labels};
}

int dot_row(const DotCanvas& canvas, const Range& range, double y) {
  return static_cast<int>(std::lround(scaled(y, range.high, range.low, canvas.height() - 1)));
}

// The dots that a curve connects, from left to right.
using Path = std::vector<std::pair<int, int>>;

// Each column of dots shows the mean of the points in it, so that a noisy curve is a line and not a band.
Path draw_series(DotCanvas& canvas, const Series& s, double end, const Range& range) {
  Path path;
  int x = -1, count = 0;
  double mean = 0;
  const auto draw_mean = [&] {
    if (count == 0) return;
    // Points outside the range are drawn at its edge.
    const int y = std::clamp(dot_row(canvas, range, std::min(mean, range.high)), 0, canvas.height() - 1);
    if (path.empty()) canvas.dot(x, y, s.ink);
    else canvas.line(path.back().first, path.back().second, x, y, s.ink);
    path.emplace_back(x, y);
    count = 0;
  };
  for (const Point& p : s.points) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y) || p.x < 0 || p.x > end) continue;
    const auto column = static_cast<int>(std::lround(scaled(p.x, 0, end, canvas.width() - 1)));
    if (column != x) draw_mean();
    x = column;
    mean = count++ == 0 ? p.y : mean + (p.y - mean) / count;
  }
  draw_mean();
  return path;
}

}  // namespace

Ticks round_ticks(double low, double high, int count) {
  Ticks ticks;
  if (!std::isfinite(low) || !std::isfinite(high) || !(high > low) || count < 1) return ticks;
  const double rough = (high - low) / count, power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5, 2, 1})
    if (factor * power >= rough * 0.75) step = factor * power;
  ticks.decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 12);
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) ticks.values.push_back(i * step);
  return ticks;
}

Range chart_range(const Chart& chart) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double low = kInfinity, high = -kInfinity, first = kInfinity, last = -kInfinity;
  for (const Series& s : chart.series) {
    for (const Point& p : s.points) {
      if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
      first = std::min(first, p.x);
      last = std::max(last, p.x);
      low = std::min(low, p.y);
    }
  }
  const double beginning = first + (last - first) / 20;
  for (const Series& s : chart.series)
    for (const Point& p : s.points)
      if (std::isfinite(p.x) && std::isfinite(p.y) && (p.x >= beginning || first == last)) high = std::max(high, p.y);
  for (const Level& level : chart.levels) {
    if (!std::isfinite(level.y)) continue;
    low = std::min(low, level.y);
    high = std::max(high, level.y);
  }
  if (!(low <= high)) return {};
  const double room = high > low ? (high - low) * 0.03 : std::max(std::abs(low), 1e-6) * 0.1;
  return {low - room, high + room};
}

std::string series_mark(std::size_t number, bool colors) {
  return colors ? "━" : std::string(1, static_cast<char>('a' + number % 26));
}

std::vector<std::string> draw_chart(const Chart& chart, int columns, int rows, bool colors) {
  if (rows < 1) return {};
  const bool axis = rows >= 5;
  std::string names = rows >= 7 ? legend(chart, columns, colors) : "";
  const int plot_rows = rows - (axis ? 2 : 0) - (names.empty() ? 0 : 1);
  const Range range = chart_range(chart);
  const double end = last_x(chart);

  const std::vector<std::string> labels = row_labels(
      round_ticks(range.low, range.high, std::clamp((plot_rows + 1) / 2, 1, 4 + plot_rows / 8)), range, plot_rows);
  std::size_t margin = 0;
  for (const std::string& label : labels) margin = std::max(margin, label.size());
  const int edge = static_cast<int>(margin) + 2, inner = columns - edge;
  if (inner < 4) return std::vector<std::string>(static_cast<std::size_t>(rows));

  DotCanvas canvas(inner, plot_rows);
  for (const Level& level : chart.levels)
    if (std::isfinite(level.y)) canvas.dashes(dot_row(canvas, range, level.y), Color::kFaint);
  std::vector<Path> paths;
  for (const Series& s : chart.series) paths.push_back(draw_series(canvas, s, end, range));

  for (std::size_t i = 0; !colors && paths.size() > 1 && i < paths.size(); ++i)
    for (auto place = paths[i].rbegin(); place != paths[i].rend(); ++place)
      if (canvas.letter(place->first, place->second, series_mark(i, false)[0])) break;

  std::vector<std::string> lines = canvas.rows(colors);
  for (std::size_t i = 0; i < lines.size(); ++i)
    lines[i] = cat(right_in(labels[i], static_cast<int>(margin)), labels[i].empty() ? " │" : " ┤", lines[i]);
  if (axis) {
    const auto [line, below] = x_axis(end, inner, chart.x_name);
    lines.push_back(cat(std::string(margin + 1, ' '), "└", line));
    lines.push_back(cat(std::string(margin + 2, ' '), below));
  }
  if (!names.empty()) lines.push_back(std::move(names));
  return lines;
}

}  // namespace headlight
