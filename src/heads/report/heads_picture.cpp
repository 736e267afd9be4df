// Draws the picture of a model's heads as SVG.
#include "heads/report/heads_picture.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "headlight/base/text.h"
#include "heads/ablation/specialization.h"
#include "heads/roles/measured_text.h"
#include "terminal/columns.h"

namespace headlight {

namespace {

constexpr double kWidth = 900, kMargin = 24, kPerRow = 4;
constexpr Index kCharacters = 20;
constexpr std::size_t kHeads = 8, kColumns = 6;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else out += c;
  }
  return out;
}

std::string number(double value) { return fixed_text(value, 1); }

std::string label(double x, double y, const std::string& text, const std::string& style = "") {
  return cat("<text x=\"", number(x), "\" y=\"", number(y), "\"", style, ">", escaped(text), "</text>\n");
}

// A square or rectangle in the picture's blue; `strength` is 0 (white) to 1.
std::string shaded(double x, double y, double width, double height, double strength) {
  return cat("<rect x=\"", number(x), "\" y=\"", number(y), "\" width=\"", number(width), "\" height=\"",
             number(height), "\" fill=\"#08306b\" fill-opacity=\"", fixed_text(std::clamp(strength, 0.0, 1.0), 2),
             "\"/>\n");
}

// Replaces a line break and a space by visible symbols.
std::string symbol(const std::string& token) { return token == "\n" ? "\u21b5" : token == " " ? "\u2423" : token; }

// The title of a head's attention map: the source that the head reads, or the head's label.
std::string title_of(const HeadStudy& study, std::size_t head) {
  const HeadFinding& f = study.heads[head];
  if (study.experts) return cat(head_name(f.id), ": ", study.experts->experts[study.experts->main_source(head)].name);
  const std::string name = f.label.name(study.roles);
  return f.label.labelled ? cat(head_name(f.id), ": ", cut_to(name, 22)) : head_name(f.id);
}

// A matrix of named rows and columns; strength(value) is 0 .. 1.
struct Matrix {
  std::string title, note;
  std::vector<std::string> rows, columns;
  std::vector<std::vector<double>> values, strength;
};

Matrix matrix_of(const HeadStudy& study) {
  Matrix m;
  const std::size_t heads = std::min(study.heads.size(), kHeads);
  for (std::size_t h = 0; h < heads; ++h) m.rows.push_back(head_name(study.heads[h].id));
  if (study.experts) {
    const ExpertStudy& e = *study.experts;
    m.title = "Share of each source that the model still uses when a head is ablated";
    m.note = "1: all, 0: nothing; dark: the source is lost";
    for (const Expert& expert : e.experts) m.columns.push_back(expert.name);
    for (std::size_t h = 0; h < heads; ++h) {
      m.values.emplace_back(), m.strength.emplace_back();
      for (std::size_t s = 0; s < e.experts.size(); ++s) {
        m.values[h].push_back(e.retention.parts[h][s].mean);
        m.strength[h].push_back(e.lost(h, s).mean);
      }
    }
    return m;
  }
  m.title = "Loss increase in nats when a head is ablated";
  m.note = "by prediction subset";
  std::vector<std::size_t> columns;
  const auto largest = [&](std::size_t s) {
    double most = 0;
    for (const HeadFinding& f : study.heads) most = std::max(most, f.mean[s].mean);
    return most;
  };
  for (std::size_t s = 1; s < study.subsets.size(); ++s) columns.push_back(s);
  std::stable_sort(columns.begin(), columns.end(), [&](auto a, auto b) { return largest(a) > largest(b); });
  columns.resize(std::min(columns.size(), kColumns));
  const double top = columns.empty() ? 1 : std::max(largest(columns[0]), 0.05);
  for (const std::size_t s : columns) m.columns.push_back(study.subsets[s].name);
  for (std::size_t h = 0; h < heads; ++h) {
    m.values.emplace_back(), m.strength.emplace_back();
    for (const std::size_t s : columns) {
      m.values[h].push_back(study.heads[h].mean[s].mean);
      m.strength[h].push_back(study.heads[h].mean[s].mean / top);
    }
  }
  return m;
}

std::string matrix_svg(const Matrix& m, double top) {
  constexpr double kName = 60, kRow = 28, kColumn = 128;
  std::string svg = label(kMargin, top + 16, m.title, " class=\"bold\"") +
                    label(kWidth - kMargin, top + 16, m.note, " class=\"soft\" text-anchor=\"end\"");
  for (std::size_t c = 0; c < m.columns.size(); ++c)
    svg += label(kMargin + kName + (static_cast<double>(c) + 0.5) * kColumn, top + 42, cut_to(m.columns[c], 18),
                 " text-anchor=\"middle\"");
  for (std::size_t r = 0; r < m.rows.size(); ++r) {
    const double y = top + 50 + static_cast<double>(r) * kRow;
    svg += label(kMargin, y + 18, m.rows[r]);
    for (std::size_t c = 0; c < m.columns.size(); ++c) {
      const double x = kMargin + kName + static_cast<double>(c) * kColumn;
      svg += cat("<rect class=\"frame\" x=\"", number(x), "\" y=\"", number(y), "\" width=\"", number(kColumn - 2),
                 "\" height=\"", number(kRow - 2), "\"/>\n");
      svg += shaded(x, y, kColumn - 2, kRow - 2, m.strength[r][c]);
      svg += label(x + kColumn / 2 - 1, y + 18, fixed_text(m.values[r][c], 2),
                   cat(" text-anchor=\"middle\"", m.strength[r][c] > 0.5 ? " fill=\"#ffffff\"" : ""));
    }
  }
  return svg;
}

}  // namespace

std::string heads_picture(const HeadedModel& model, const RunData& data, const HeadStudy& study) {
  const Index n = std::min(model.context(), kCharacters);
  const MeasuredText text(data, n, 1);
  const auto attention = attention_bytes(model, text.windows)[0];  // [head]: rows t with keys 0 .. t
  const std::size_t heads = std::min(study.heads.size(), kHeads);
  std::vector<std::string> tokens;
  for (Index t = 0; t < n; ++t)
    tokens.push_back(symbol(shown_token(data.vocabulary, text.windows.inputs()[static_cast<std::size_t>(t)])));

  const double column = (kWidth - 2 * kMargin) / kPerRow, size = std::floor((column - 36) / static_cast<double>(n));
  const double map = size * static_cast<double>(n), row = map + 64;
  std::string svg = label(kMargin, 30, "Attention of each head: rows are queries, columns are keys", " class=\"bold\"");
  for (std::size_t h = 0; h < heads; ++h) {
    const double left = kMargin + 16 + static_cast<double>(h % 4) * column, top = 82 + static_cast<double>(h / 4) * row;
    svg += label(left, top - 20, title_of(study, h));
    std::size_t at = 0;
    for (Index t = 0; t < n; ++t) {
      const double y = top + size * static_cast<double>(t);
      const auto& token = tokens[static_cast<std::size_t>(t)];
      svg += label(left - 6, y + size * 0.8, token, " class=\"token\" text-anchor=\"end\"");
      svg += label(left + size * (static_cast<double>(t) + 0.5), top - 5, token,
                   " class=\"token\" text-anchor=\"middle\"");
      for (Index j = 0; j <= t; ++j, ++at)
        if (attention[h][at] > 2)
          svg += shaded(left + size * static_cast<double>(j), y, size, size, std::sqrt(attention[h][at] / 255.0));
    }
    svg += cat("<path class=\"frame\" d=\"M", number(left), " ", number(top), "v", number(map), "h", number(map),
               "z\"/>\n");
  }
  const double matrix = 60 + row * std::ceil(static_cast<double>(heads) / kPerRow) + 10;
  const double height = matrix + 66 + 28 * static_cast<double>(heads);
  return cat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", number(kWidth), " ", number(height),
             "\" width=\"", number(kWidth), "\" height=\"", number(height),
             "\" font-family=\"sans-serif\" font-size=\"14\" fill=\"#1b1f24\">\n"
             "<style>.bold{font-weight:600;font-size:15px}.soft{fill:#59626d;font-size:13px}"
             ".token{font-family:monospace;font-size:",
             number(std::min(11.0, size)),
             "px;fill:#59626d}.frame{fill:none;stroke:#d5d9de}</style>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" "
             "fill=\"#ffffff\"/>\n",
             svg, matrix_svg(matrix_of(study), matrix), "</svg>\n");
}

}  // namespace headlight
