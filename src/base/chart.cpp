#include "headlight/base/chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "headlight/base/format.h"
#include "headlight/base/text.h"

namespace headlight {

namespace {

// "2k" for 2000: labels stay short on long runs.
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

// The place of a value among `count` dots or pixels.
double placed(double value, double low, double high, double count) { return (value - low) / (high - low) * count; }

std::string legend(const Chart& chart, int columns, bool colours) {
  std::string text;
  int used = 0;
  const auto entry = [&](const char* mark, Ink ink, const std::string& name) {
    const int width = columns_of(name) + 2 + (used > 0 ? 3 : 0);
    if (used + width > columns) return;
    text += cat(used > 0 ? "   " : "", inked(mark, ink, colours), " ", name);
    used += width;
  };
  const bool lines = colours || chart.series.size() < 2;
  for (std::size_t i = 0; i < chart.series.size(); ++i)
    if (!chart.series[i].name.empty()) entry(series_mark(i, lines).c_str(), chart.series[i].ink, chart.series[i].name);
  for (const Level& level : chart.levels) entry("╌", Ink::kFaint, cat(level.name, " ", fixed_text(level.y, 2)));
  return text;
}

// What stands at the left edge: labels of the ticks in the rows where they belong.
std::vector<std::string> row_labels(const Ticks& ticks, const Range& range, int rows) {
  std::vector<std::string> labels(static_cast<std::size_t>(rows));
  for (const double value : ticks.values) {
    const auto row = static_cast<int>(std::lround(placed(value, range.high, range.low, 4 * rows - 1))) / 4;
    if (row >= 0 && row < rows) labels[static_cast<std::size_t>(row)] = tick_text(value, ticks.decimals);
  }
  return labels;
}

// The axis below with its marks, and the labels under these; `name` at the right end where it fits.
std::pair<std::string, std::string> x_axis(double end, int columns, const std::string& name) {
  const Ticks ticks = round_ticks(0, end, std::max(2, columns / 12));
  std::string axis, labels;
  int drawn = 0, written = 0;
  for (const double value : ticks.values) {
    const auto at = std::min(columns - 1, static_cast<int>(placed(value, 0, end, columns)));
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

std::string series_mark(std::size_t number, bool colours) {
  return colours ? "━" : std::string(1, static_cast<char>('a' + number % 26));
}

std::vector<std::string> draw_chart(const Chart& chart, int columns, int rows, bool colours) {
  if (rows < 1) return {};
  const bool axis = rows >= 5;
  std::string names = rows >= 7 ? legend(chart, columns, colours) : "";
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
  const auto row_of = [&](double y) {
    return static_cast<int>(std::lround(placed(y, range.high, range.low, canvas.height() - 1)));
  };
  const auto column_of = [&](double x) { return static_cast<int>(std::lround(placed(x, 0, end, canvas.width() - 1))); };
  for (const Level& level : chart.levels)
    if (std::isfinite(level.y)) canvas.dashes(row_of(level.y), Ink::kFaint);
  // One point a column of dots, the mean of those that fall there: a line, not a band of noise.
  std::vector<std::vector<std::pair<int, int>>> paths;
  for (const Series& s : chart.series) {
    paths.emplace_back();
    int x = -1, from_x = -1, from_y = 0, count = 0;
    double mean = 0;
    const auto reach = [&] {
      if (count == 0) return;
      // What sticks out goes along the edge.
      const int y = std::clamp(row_of(std::min(mean, range.high)), 0, canvas.height() - 1);
      if (from_x < 0) canvas.dot(x, y, s.ink);
      else canvas.line(from_x, from_y, x, y, s.ink);
      paths.back().emplace_back(x, y);
      from_x = x;
      from_y = y;
      count = 0;
    };
    for (const Point& p : s.points) {
      if (!std::isfinite(p.x) || !std::isfinite(p.y) || p.x < 0 || p.x > end) continue;
      if (column_of(p.x) != x) reach();
      x = column_of(p.x);
      mean = count++ == 0 ? p.y : mean + (p.y - mean) / count;
    }
    reach();
  }

  for (std::size_t i = 0; !colours && paths.size() > 1 && i < paths.size(); ++i)
    for (auto place = paths[i].rbegin(); place != paths[i].rend(); ++place)
      if (canvas.letter(place->first, place->second, series_mark(i, false)[0])) break;

  std::vector<std::string> lines = canvas.rows(colours);
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
