// The layout of the dashboard: progress bar, figures, heads, chart and sample.
#include "terminal/dashboard.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "headlight/base/text.h"

namespace headlight {

namespace {

struct Piece {
  std::string text;
  Color ink = Color::kPlain;
};

// Joins the pieces from the left, as many as fit.
std::string row_of(const std::vector<Piece>& pieces, int columns, bool colors) {
  std::string row;
  int used = 0;
  for (const Piece& piece : pieces) {
    const int width = columns_of(piece.text) + (used > 0 ? 3 : 0);
    if (piece.text.empty()) continue;
    if (used + width > columns) {
      if (used == 0) row = inked(cut_to(piece.text, columns), piece.ink, colors);
      break;
    }
    row += cat(used > 0 ? "   " : "", inked(piece.text, piece.ink, colors));
    used += width;
  }
  return row;
}

std::string if_known(const char* name, double value, int decimals, const char* after = "") {
  return std::isfinite(value) ? cat(name, fixed_text(value, decimals), after) : "";
}

// Three significant digits without an exponent: 0.00123.
std::string small_text(double value) {
  if (!std::isfinite(value)) return "";
  if (value == 0) return "0";
  const int decimals = std::clamp(2 - static_cast<int>(std::floor(std::log10(std::abs(value)))), 0, 7);
  return fixed_text(value, decimals);
}

std::string bar_row(const Dashboard& b, int columns, bool colors) {
  const double share = b.steps > 0 ? static_cast<double>(b.step) / static_cast<double>(b.steps) : 0;
  const std::string percent = cat(static_cast<Index>(std::floor(100 * share)), "%");
  const std::string left = b.step >= b.steps               ? cat("took ", duration_text(b.seconds))
                           : std::isfinite(b.seconds_left) ? cat(duration_text(b.seconds_left), " left")
                                                           : "";
  std::string figures = cat(" ", percent, "  step ", b.step, "/", b.steps, left.empty() ? "" : cat("  ", left));
  if (columns_of(figures) + 10 > columns) figures = cat(" ", percent, left.empty() ? "" : cat("  ", left));
  if (columns_of(figures) + 4 > columns) return cut_to(figures, columns);
  return cat(inked(progress_bar(share, columns - columns_of(figures)), Color::kGreen, colors), figures);
}

std::vector<std::string> sample_block(const Dashboard& b, int columns, int rows, bool colors) {
  std::vector<std::string> lines = {
      inked(cut_to(cat("sample at step ", b.sample_step), columns), Color::kFaint, colors)};
  for (std::string& line : wrapped(b.sample, columns, rows - 1)) lines.push_back(std::move(line));
  return lines;
}

std::vector<std::string> chart_block(const Dashboard& b, int columns, int rows, bool colors) {
  Chart chart;
  chart.x_name = "step";
  chart.x_end = static_cast<double>(b.steps);
  chart.series = {{"training", Color::kBlue, b.train.points()}};
  if (!b.validation.empty()) chart.series.push_back({"validation", Color::kYellow, b.validation.points()});
  chart.levels = b.levels;
  return draw_chart(chart, columns, rows, colors);
}

// "L0H1  previous       ▁▂▅██  0.93"
std::string head_row(const HeadLine& h, Index steps, int columns, bool colors) {
  constexpr int kName = 6, kKappa = 6;
  const int widest = columns < 110 ? 25 : 48;  // in wide windows, room for the names of a mixed head
  const int role = std::clamp((columns - kName - kKappa) * 2 / 5, 8, widest),
            curve = std::min(columns - kName - role - kKappa, 40);
  const double kappa = h.kappa.empty() ? Dashboard::kUnknown : h.kappa.points().back().y;
  const std::string name =
      h.sure ? left_in(cut_to(h.role, role - 1), role) : left_in(cat("(", cut_to(h.role, role - 3), ")"), role);
  return cat(left_in(h.head, kName), inked(name, h.sure ? Color::kGreen : Color::kFaint, colors),
             inked(sparkline(h.kappa, steps, curve), h.sure ? Color::kGreen : Color::kPlain, colors),
             right_in(std::isfinite(kappa) ? fixed_text(kappa, 2) : "", kKappa));
}

// The heads in at most `rows` lines, in several columns if necessary.
std::vector<std::string> heads_block(const Dashboard& b, int columns, int rows, bool colors) {
  constexpr int kNarrowest = 26, kGap = 3;
  std::vector<std::string> lines;
  const auto heads = static_cast<int>(b.heads.size());
  if (heads == 0 || rows < 1 || columns < kNarrowest) return lines;
  const int most = (columns + kGap) / (kNarrowest + kGap), across = std::min(most, (heads + rows - 1) / rows),
            down = std::min(rows, (heads + across - 1) / across), width = (columns + kGap) / across - kGap;
  if (down < 2 && across < heads) return lines;  // a single line of many heads is not useful
  for (int row = 0; row < down; ++row) {
    std::string& line = lines.emplace_back();
    for (int i = row; i < std::min(heads, down * across); i += down)
      line += cat(i > row ? std::string(kGap, ' ') : "",
                  head_row(b.heads[static_cast<std::size_t>(i)], b.steps, width, colors));
  }
  if (down * across < heads) lines.back() = cut_to(cat("... ", heads, " heads in all"), columns);
  return lines;
}

// The width of a line that contains color codes.
int columns_without_codes(const std::string& line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\033') i = std::min(line.find('m', i), line.size() - 1);
    else text += line[i];
  }
  return columns_of(text);
}

void append(std::vector<std::string>& lines, std::vector<std::string> more) {
  for (std::string& line : more) lines.push_back(std::move(line));
}

// Title, progress bar, losses, speed, notice and facts, as far as `rows` has room for them.
std::vector<std::string> figures_block(const Dashboard& b, int columns, int rows, bool colors) {
  std::vector<std::string> lines;
  if (rows >= 14 && !b.title.empty()) lines.push_back(inked(cut_to(b.title, columns), Color::kBold, colors));
  lines.push_back(bar_row(b, columns, colors));
  const bool has_best = b.best_step >= 0 && std::isfinite(b.best_val_loss);
  if (rows >= 2) {
    lines.push_back(row_of({{if_known("loss ", b.loss, 3), Color::kBlue},
                            {if_known("validation ", b.val_loss, 3), Color::kYellow},
                            {has_best ? cat("best ", fixed_text(b.best_val_loss, 3), " at step ", b.best_step) : ""}},
                           columns, colors));
  }
  if (rows >= 4) {
    const std::string peak =
        std::isfinite(b.share_of_peak) ? cat(", ", fixed_text(100 * b.share_of_peak, 0), "% of FMA peak") : "";
    const std::string speed =
        std::isfinite(b.tokens_per_second) ? cat(count_text(b.tokens_per_second), " tokens/s", peak) : "";
    const std::string lr = small_text(b.lr), norm = small_text(b.grad_norm);
    lines.push_back(row_of({{speed}, {lr.empty() ? "" : cat("lr ", lr)}, {norm.empty() ? "" : cat("gradient ", norm)}},
                           columns, colors));
  }
  if (rows >= 6 && !b.notice.empty()) lines.push_back(inked(cut_to(b.notice, columns), Color::kMagenta, colors));
  for (const std::string& fact : b.facts)
    if (rows - static_cast<int>(lines.size()) >= 10) lines.push_back(cut_to(fact, columns));
  return lines;
}

// The chart, and to its right the heads above the sample.
std::vector<std::string> wide_body(const Dashboard& b, int columns, int rows, bool colors) {
  constexpr int kSample = 8;  // rows reserved for the sample
  const int chart_columns = columns * 3 / 5, side_columns = columns - chart_columns - 2;
  std::vector<std::string> lines = chart_block(b, chart_columns, rows, colors);
  std::vector<std::string> side = heads_block(b, side_columns, std::max(rows / 2, rows - kSample), colors);
  if (!side.empty()) side.emplace_back();
  const int left = rows - static_cast<int>(side.size());
  if (b.sample_step >= 0 && left >= 3) append(side, sample_block(b, side_columns, left, colors));
  for (std::size_t i = 0; i < std::min(lines.size(), side.size()); ++i) {
    if (side[i].empty()) continue;
    const int gap = chart_columns + 2 - columns_without_codes(lines[i]);
    lines[i] += std::string(static_cast<std::size_t>(gap), ' ') + side[i];
  }
  return lines;
}

// The heads, the chart and the sample, one below the other.
std::vector<std::string> narrow_body(const Dashboard& b, int columns, int rows, bool colors) {
  constexpr int kChart = 8;  // rows reserved for the chart
  std::vector<std::string> lines = heads_block(b, columns, rows - kChart, colors);
  rows -= static_cast<int>(lines.size());
  // Rows for the sample are reserved from the start, so that the chart does not move when the first sample appears.
  const int sample_rows = rows >= 12 ? std::clamp(rows / 3, 4, 12) : 0;
  append(lines, chart_block(b, columns, rows - sample_rows, colors));
  if (sample_rows > 0 && b.sample_step >= 0) append(lines, sample_block(b, columns, sample_rows, colors));
  return lines;
}

}  // namespace

std::string sparkline(const Curve& curve, Index steps, int columns) {
  constexpr const char* kHeights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string line;
  const std::vector<Point>& points = curve.points();
  std::size_t next = 0;
  for (int i = 0; i < columns; ++i) {
    const double begin = static_cast<double>(steps) * i / columns, end = static_cast<double>(steps) * (i + 1) / columns;
    while (next < points.size() && points[next].x <= end) ++next;
    const bool known = next > 0 && (points.back().x >= begin);
    const double y = known ? points[next - 1].y : 0;
    line += known ? kHeights[std::clamp(static_cast<int>(y * 8), 0, 7)] : " ";
  }
  return line;
}

std::string progress_bar(double share, int columns) {
  constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (columns <= 0) return "";
  const double filled = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) * columns : 0;
  const int whole = static_cast<int>(filled), eighths = static_cast<int>((filled - whole) * 8);
  std::string bar;
  for (int i = 0; i < whole; ++i) bar += "█";
  bar += kEighths[eighths];
  for (int i = whole + (eighths > 0 ? 1 : 0); i < columns; ++i) bar += "░";
  return bar;
}

std::vector<std::string> dashboard_frame(const Dashboard& b, int columns, int rows, bool colors) {
  if (rows < 1 || columns < 1) return {};
  std::vector<std::string> lines = figures_block(b, columns, rows, colors);
  const int body = rows - static_cast<int>(lines.size());
  if (body < 3) return lines;
  const bool wide = columns >= 120 && (b.sample_step >= 0 || !b.heads.empty());
  append(lines, wide ? wide_body(b, columns, body, colors) : narrow_body(b, columns, body, colors));
  return lines;
}

}  // namespace headlight
