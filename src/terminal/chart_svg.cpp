// Charts as SVG images.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "headlight/base/text.h"
#include "terminal/chart.h"

namespace headlight {

namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : cut_to(text, 200)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string label(double x, double y, const char* anchor, const std::string& text, const char* color = "#444444") {
  return cat("<text x=\"", fixed_text(x, 1), "\" y=\"", fixed_text(y, 1), "\" text-anchor=\"", anchor, "\" fill=\"",
             color, "\">", escaped(text), "</text>\n");
}

std::string segment(double x0, double y0, double x1, double y1, const char* style) {
  return cat("<line x1=\"", fixed_text(x0, 1), "\" y1=\"", fixed_text(y0, 1), "\" x2=\"", fixed_text(x1, 1), "\" y2=\"",
             fixed_text(y1, 1), "\" ", style, "/>\n");
}

}  // namespace

std::string chart_svg(const Chart& chart, int width, int height) {
  const double left = 60, right = width - 20, top = 40;
  // The places of the names below the chart, in as many lines as they need.
  std::vector<Point> names;
  double legend = left, line = 0;
  for (const Series& s : chart.series) {
    const double wide = s.name.empty() ? 0 : 60 + 7.5 * columns_of(s.name);
    if (legend > left && legend + wide - 32 > right) legend = left, ++line;
    names.push_back({legend, line});
    legend += wide;
  }
  const double bottom = height - 80 - 20 * line;
  const Range range = chart_range(chart);
  double end = chart.x_end;
  if (!(end > 0))
    for (const Series& s : chart.series)
      for (const Point& p : s.points) end = std::max(end, p.x);
  if (!(end > 0)) end = 1;
  const auto x_of = [&](double x) { return left + x / end * (right - left); };
  const auto y_of = [&](double y) { return bottom - (y - range.low) / (range.high - range.low) * (bottom - top); };

  std::string svg = cat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", width, " ", height, "\" width=\"",
                        width, "\" height=\"", height, "\" font-family=\"sans-serif\" font-size=\"13\">\n",
                        "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
  svg += label((left + right) / 2, 24, "middle", chart.title);
  const Ticks ys = round_ticks(range.low, range.high, 6), xs = round_ticks(0, end, width < 500 ? 4 : 8);
  for (const double y : ys.values) {
    svg += segment(left, y_of(y), right, y_of(y), "stroke=\"#e4e4e4\"");
    svg += label(left - 8, y_of(y) + 4, "end", fixed_text(y, ys.decimals));
  }
  for (const double x : xs.values) {
    svg += segment(x_of(x), bottom, x_of(x), bottom + 5, "stroke=\"#888888\"");
    svg += label(x_of(x), bottom + 20, "middle", fixed_text(x, xs.decimals));
  }
  svg += segment(left, bottom, right, bottom, "stroke=\"#888888\"");
  svg += label(right, bottom + 36, "end", chart.x_name);
  svg += label(10, top - 12, "start", chart.y_name);
  for (const Level& level : chart.levels) {
    if (!std::isfinite(level.y)) continue;
    svg += segment(left, y_of(level.y), right, y_of(level.y), "stroke=\"#888888\" stroke-dasharray=\"6 5\"");
    svg += label(right, y_of(level.y) - 5, "end", cat(level.name, " ", fixed_text(level.y, 3)), "#777777");
  }
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const Series& s = chart.series[i];
    const char* color = ink_hex(s.ink);
    std::string points;
    for (const Point& p : s.points)
      if (std::isfinite(p.x) && std::isfinite(p.y) && p.x >= 0 && p.x <= end)
        points += cat(points.empty() ? "" : " ", fixed_text(x_of(p.x), 1), ",",
                      fixed_text(y_of(std::min(p.y, range.high)), 1));
    svg += cat("<polyline fill=\"none\" stroke-width=\"1.6\" stroke=\"", color, "\" points=\"", points, "\"/>\n");
    if (s.name.empty()) continue;
    const double x = names[i].x, y = height - 22 - 20 * (line - names[i].y);
    svg += segment(x, y, x + 22, y, cat("stroke-width=\"3\" stroke=\"", color, "\"").c_str());
    svg += label(x + 28, y + 4, "start", s.name);
  }
  return svg + "</svg>\n";
}

}  // namespace headlight
