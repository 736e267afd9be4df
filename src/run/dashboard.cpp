#include "headlight/run/dashboard.h"

#include <algorithm>
#include <cmath>

#include "headlight/base/format.h"
#include "headlight/base/text.h"

namespace headlight {

namespace {

struct Piece {
  std::string text;
  Ink ink = Ink::kPlain;
};

// Pieces side by side, as many from the left as fit.
std::string row_of(const std::vector<Piece>& pieces, int columns, bool colours) {
  std::string row;
  int used = 0;
  for (const Piece& piece : pieces) {
    const int width = columns_of(piece.text) + (used > 0 ? 3 : 0);
    if (piece.text.empty()) continue;
    if (used + width > columns) {
      if (used == 0) row = inked(cut_to(piece.text, columns), piece.ink, colours);
      break;
    }
    row += cat(used > 0 ? "   " : "", inked(piece.text, piece.ink, colours));
    used += width;
  }
  return row;
}

std::string if_known(const char* name, double value, int decimals, const char* after = "") {
  return std::isfinite(value) ? cat(name, fixed_text(value, decimals), after) : "";
}

// Three digits, however small: 0.0012.
std::string small_text(double value) {
  if (!std::isfinite(value)) return "";
  if (value == 0) return "0";
  const int decimals = std::clamp(2 - static_cast<int>(std::floor(std::log10(std::abs(value)))), 0, 7);
  return fixed_text(value, decimals);
}

std::string bar_row(const Dashboard& b, int columns, bool colours) {
  const double share = b.steps > 0 ? static_cast<double>(b.step) / static_cast<double>(b.steps) : 0;
  const std::string percent = cat(static_cast<Index>(std::floor(100 * share)), "%");
  const std::string left = b.step >= b.steps               ? cat("took ", duration_text(b.seconds))
                           : std::isfinite(b.seconds_left) ? cat(duration_text(b.seconds_left), " left")
                                                           : "";
  std::string figures = cat(" ", percent, "  step ", b.step, "/", b.steps, left.empty() ? "" : cat("  ", left));
  if (columns_of(figures) + 10 > columns) figures = cat(" ", percent, left.empty() ? "" : cat("  ", left));
  if (columns_of(figures) + 4 > columns) return cut_to(figures, columns);
  return cat(inked(progress_bar(share, columns - columns_of(figures)), Ink::kGreen, colours), figures);
}

std::vector<std::string> sample_block(const Dashboard& b, int columns, int rows, bool colours) {
  std::vector<std::string> lines = {
      inked(cut_to(cat("sample at step ", b.sample_step), columns), Ink::kFaint, colours)};
  for (std::string& line : folded(b.sample, columns, rows - 1)) lines.push_back(std::move(line));
  return lines;
}

std::vector<std::string> chart_block(const Dashboard& b, int columns, int rows, bool colours) {
  Chart chart;
  chart.x_name = "step";
  chart.x_end = static_cast<double>(b.steps);
  chart.series = {{"training", Ink::kBlue, b.train.points()}};
  if (!b.validation.empty()) chart.series.push_back({"validation", Ink::kYellow, b.validation.points()});
  chart.levels = b.levels;
  return draw_chart(chart, columns, rows, colours);
}

// "L0H1  previous       ▁▂▅██  0.93"
std::string head_row(const HeadLine& h, Index steps, int columns, bool colours) {
  constexpr int kName = 6, kKappa = 6;
  const int role = std::clamp((columns - kName - kKappa) * 2 / 5, 8, 25),
            curve = std::min(columns - kName - role - kKappa, 40);
  const double kappa = h.kappa.empty() ? Dashboard::kUnknown : h.kappa.points().back().y;
  const std::string name =
      h.sure ? left_in(cut_to(h.role, role - 1), role) : left_in(cat("(", cut_to(h.role, role - 3), ")"), role);
  return cat(left_in(h.head, kName), inked(name, h.sure ? Ink::kGreen : Ink::kFaint, colours),
             inked(sparkline(h.kappa, steps, curve), h.sure ? Ink::kGreen : Ink::kPlain, colours),
             right_in(std::isfinite(kappa) ? fixed_text(kappa, 2) : "", kKappa));
}

// All heads in at most `rows` lines, side by side where that is needed.
std::vector<std::string> heads_block(const Dashboard& b, int columns, int rows, bool colours) {
  constexpr int kNarrowest = 26, kGap = 3;
  std::vector<std::string> lines;
  const auto heads = static_cast<int>(b.heads.size());
  if (heads == 0 || rows < 1 || columns < kNarrowest) return lines;
  const int most = (columns + kGap) / (kNarrowest + kGap), across = std::min(most, (heads + rows - 1) / rows),
            down = std::min(rows, (heads + across - 1) / across), width = (columns + kGap) / across - kGap;
  if (down < 2 && across < heads) return lines;  // one of many says little
  for (int row = 0; row < down; ++row) {
    std::string& line = lines.emplace_back();
    for (int i = row; i < std::min(heads, down * across); i += down)
      line += cat(i > row ? std::string(kGap, ' ') : "",
                  head_row(b.heads[static_cast<std::size_t>(i)], b.steps, width, colours));
  }
  if (down * across < heads) lines.back() = cut_to(cat("and more: ", heads, " heads in all"), columns);
  return lines;
}

// Columns without what is between an escape and its m.
int columns_without_codes(const std::string& line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\033') i = std::min(line.find('m', i), line.size() - 1);
    else text += line[i];
  }
  return columns_of(text);
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

std::vector<std::string> dashboard_frame(const Dashboard& b, int columns, int rows, bool colours) {
  std::vector<std::string> lines;
  if (rows < 1 || columns < 1) return lines;
  if (rows >= 14 && !b.title.empty()) lines.push_back(inked(cut_to(b.title, columns), Ink::kBold, colours));
  lines.push_back(bar_row(b, columns, colours));
  const bool has_best = b.best_step >= 0 && std::isfinite(b.best_val_loss);
  if (rows >= 2) {
    lines.push_back(row_of({{if_known("loss ", b.loss, 3), Ink::kBlue},
                            {if_known("validation ", b.val_loss, 3), Ink::kYellow},
                            {has_best ? cat("best ", fixed_text(b.best_val_loss, 3), " at step ", b.best_step) : ""}},
                           columns, colours));
  }
  if (rows >= 4) {
    const std::string speed =
        std::isfinite(b.tokens_per_second)
            ? cat(count_text(b.tokens_per_second), " tokens/s",
                  std::isfinite(b.share_of_peak) ? cat(", ", fixed_text(100 * b.share_of_peak, 0), "% of FMA peak")
                                                 : "")
            : "";
    const std::string lr = small_text(b.lr), norm = small_text(b.grad_norm);
    lines.push_back(row_of({{speed}, {lr.empty() ? "" : cat("lr ", lr)}, {norm.empty() ? "" : cat("gradient ", norm)}},
                           columns, colours));
  }
  if (rows >= 6 && !b.notice.empty()) lines.push_back(inked(cut_to(b.notice, columns), Ink::kMagenta, colours));

  for (const std::string& fact : b.facts)
    if (rows - static_cast<int>(lines.size()) >= 10) lines.push_back(cut_to(fact, columns));

  int body = rows - static_cast<int>(lines.size());
  if (body < 3) return lines;
  const bool beside = columns >= 120 && (b.sample_step >= 0 || !b.heads.empty());
  if (beside) {
    const int chart_columns = columns * 3 / 5;
    const std::vector<std::string> chart = chart_block(b, chart_columns, body, colours);
    const int side_columns = columns - chart_columns - 2;
    constexpr int kSample = 8;  // rows that heads leave to it
    std::vector<std::string> side = heads_block(b, side_columns, std::max(body / 2, body - kSample), colours);
    if (!side.empty()) side.emplace_back();
    const int left = body - static_cast<int>(side.size());
    if (b.sample_step >= 0 && left >= 3)
      for (std::string& line : sample_block(b, side_columns, left, colours)) side.push_back(std::move(line));
    for (std::size_t i = 0; i < chart.size(); ++i) {
      std::string line = chart[i];
      if (i < side.size() && !side[i].empty())
        line += std::string(static_cast<std::size_t>(chart_columns + 2 - columns_without_codes(line)), ' ') + side[i];
      lines.push_back(std::move(line));
    }
    return lines;
  }
  // What the chart does not need.
  constexpr int kChart = 8;
  for (std::string& line : heads_block(b, columns, body - kChart, colours)) lines.push_back(std::move(line));
  body = rows - static_cast<int>(lines.size());
  // The sample's place is kept from the beginning, so that the chart does not jump when the first one comes.
  const int sample_rows = body >= 12 ? std::clamp(body / 3, 4, 12) : 0;
  for (std::string& line : chart_block(b, columns, body - sample_rows, colours)) lines.push_back(std::move(line));
  if (sample_rows > 0 && b.sample_step >= 0)
    for (std::string& line : sample_block(b, columns, sample_rows, colours)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace headlight
