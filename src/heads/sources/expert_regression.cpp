// Centered tables and logits, normal equations per window, and their solution with bootstrap intervals.
#include "heads/sources/expert_regression.h"

#include <algorithm>
#include <cmath>

#include "headlight/autograd/tape.h"

namespace headlight {

ExpertWindows::ExpertWindows(const RunData& data, const HeadWindows& windows) : windows_(windows) {
  if (data.validation_experts.empty())
    fail(data.source, ": the text has no experts; use the corpus chorus or chorus-induction");
  for (const char c : data.expert_symbols) {
    const std::int32_t id = data.vocabulary.encode(std::string(1, c), data.source)[0];
    symbols_.push_back(id);
    row_of_id_.resize(std::max(row_of_id_.size(), static_cast<std::size_t>(id) + 1), -1);
    row_of_id_[static_cast<std::size_t>(id)] = static_cast<Index>(symbols_.size()) - 1;
  }
  next_.assign(symbols_.begin() + 1, symbols_.end());
  const std::size_t rows = symbols_.size(), columns = next_.size();
  for (const Expert& expert : data.validation_experts) {
    experts_.push_back({expert.name, expert.reads, expert.needs_attention, expert.table, {}});
    evidence_.push_back(windows.of_targets(std::span<const std::int32_t>(expert.evidence)));
    std::vector<double>& table = tables_.emplace_back();
    for (std::size_t r = 0; r < rows; ++r) {
      double mean = 0;
      for (std::size_t c = 1; c <= columns; ++c) mean += expert.table[r * rows + c] / static_cast<double>(columns);
      for (std::size_t c = 1; c <= columns; ++c) table.push_back(expert.table[r * rows + c] - mean);
    }
  }
  Index measured = 0;
  for (Index place = 0; place < static_cast<Index>(windows.inputs().size()); ++place) measured += counts(place) ? 1 : 0;
  if (measured == 0)
    fail(data.source, ": windows of ", windows.context(), " predictions end before position ", kRetentionFrom,
         "; use a longer context");
}

bool ExpertWindows::counts(Index place) const {
  const std::int32_t target = windows_.targets()[static_cast<std::size_t>(place)];
  return place % windows_.context() >= kRetentionFrom && target != kIgnoredTarget &&
         std::find(next_.begin(), next_.end(), target) != next_.end();
}

Index ExpertWindows::evidence(std::size_t expert, Index place) const {
  const Index back = evidence_[expert][static_cast<std::size_t>(place)];
  return back > 0 && back <= place % windows_.context() + 1 ? place + 1 - back : -1;
}

std::span<const double> ExpertWindows::row(std::size_t expert, std::int32_t id) const {
  const Index row =
      id >= 0 && static_cast<std::size_t>(id) < row_of_id_.size() ? row_of_id_[static_cast<std::size_t>(id)] : -1;
  if (row < 0) fail("experts: token ", id, " is not a symbol of the tables");
  return std::span(tables_[expert]).subspan(static_cast<std::size_t>(row) * next_.size(), next_.size());
}

std::vector<double> symbol_logits(const HeadedModel& model, const ExpertWindows& experts) {
  const NoGrad no_recording;
  const auto next = experts.next();
  std::vector<double> values;
  values.reserve(experts.windows().inputs().size() * next.size());
  for (const HeadWindows::Piece& piece : experts.windows().pieces()) {
    const Tensor logits = model(piece.batch.inputs, piece.batch.rows);  // [B,T,V]
    const Index vocabulary = logits.size(-1);
    const float* row = logits.data<float>();
    for (std::size_t i = 0; i < piece.batch.inputs.size(); ++i, row += vocabulary) {
      double mean = 0;
      for (const std::int32_t id : next) mean += static_cast<double>(row[id]) / static_cast<double>(next.size());
      for (const std::int32_t id : next) values.push_back(static_cast<double>(row[id]) - mean);
    }
  }
  return values;
}

ExpertRegression::ExpertRegression(const ExpertWindows& experts, const Bootstrap& bootstrap)
    : experts_(experts), bootstrap_(bootstrap) {
  const HeadWindows& windows = experts.windows();
  const std::size_t n = experts.experts().size(), width = experts.next().size(), places = windows.inputs().size();
  x_.assign(n * places * width, 0.0);
  for (std::size_t e = 0; e < n; ++e) {
    const std::span<double> of_expert = std::span(x_).subspan(e * places * width, places * width);
    for (std::size_t p = 0; p < places; ++p) {
      const Index at = experts.evidence(e, static_cast<Index>(p));
      if (at < 0 || !experts.counts(static_cast<Index>(p))) continue;
      const auto row = experts.row(e, windows.inputs()[static_cast<std::size_t>(at)]);
      std::copy(row.begin(), row.end(), of_expert.begin() + static_cast<std::ptrdiff_t>(p * width));
    }
    center(of_expert, width);
  }
  xx_all_.assign(n * n, 0.0);
  const std::size_t per_window = static_cast<std::size_t>(windows.context()) * width;
  for (std::size_t w = 0; w < static_cast<std::size_t>(windows.size()); ++w) {
    std::vector<double>& sums = xx_.emplace_back(n * n, 0.0);
    for (std::size_t a = 0; a < n; ++a)
      for (std::size_t b = 0; b < n; ++b)
        for (std::size_t i = w * per_window; i < (w + 1) * per_window; ++i)
          sums[a * n + b] += x_[a * places * width + i] * x_[b * places * width + i];
    for (std::size_t i = 0; i < sums.size(); ++i) xx_all_[i] += sums[i];
  }
}

// Subtracts from each value the mean over windows at its position; sets values at unmeasured places to 0.
void ExpertRegression::center(std::span<double> values, std::size_t width) const {
  const auto length = static_cast<std::size_t>(experts_.windows().context());
  for (std::size_t t = 0; t < length; ++t) {
    std::vector<double> mean(width, 0.0);
    double count = 0;
    for (std::size_t p = t; p * width < values.size(); p += length) {
      if (!experts_.counts(static_cast<Index>(p))) continue;
      for (std::size_t c = 0; c < width; ++c) mean[c] += values[p * width + c];
      ++count;
    }
    for (std::size_t p = t; p * width < values.size(); p += length)
      for (std::size_t c = 0; c < width; ++c) {
        double& value = values[p * width + c];
        value = experts_.counts(static_cast<Index>(p)) ? value - mean[c] / count : 0;
      }
  }
}

// Cholesky decomposition; coefficients that the equations do not determine become 0.
std::vector<double> ExpertRegression::solve(std::vector<double> a, std::vector<double> b) const {
  const std::size_t n = b.size();
  std::vector<bool> known(n, true);
  for (std::size_t i = 0; i < n; ++i) {
    const double before = a[i * n + i];
    for (std::size_t k = 0; k < i; ++k) a[i * n + i] -= a[i * n + k] * a[i * n + k];
    known[i] = a[i * n + i] > 1e-9 * before && before > 0;
    a[i * n + i] = known[i] ? std::sqrt(a[i * n + i]) : 1;
    for (std::size_t j = i + 1; j < n; ++j) {
      for (std::size_t k = 0; k < i; ++k) a[j * n + i] -= a[j * n + k] * a[i * n + k];
      a[j * n + i] = known[i] ? a[j * n + i] / a[i * n + i] : 0;
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] = known[i] ? b[i] / a[i * n + i] : 0;
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] = known[i] ? b[i] / a[i * n + i] : 0;
  }
  return b;
}

Estimates ExpertRegression::fit(std::span<const double> scores) const {
  const HeadWindows& windows = experts_.windows();
  const std::size_t n = experts_.experts().size(), width = experts_.next().size(), size = scores.size();
  std::vector<double> y(scores.begin(), scores.end());
  center(y, width);
  const std::size_t per_window = static_cast<std::size_t>(windows.context()) * width;
  std::vector<std::vector<double>> xy;
  std::vector<double> all(n, 0.0);
  for (std::size_t w = 0; w < static_cast<std::size_t>(windows.size()); ++w) {
    std::vector<double>& sums = xy.emplace_back(n, 0.0);
    for (std::size_t e = 0; e < n; ++e) {
      for (std::size_t i = w * per_window; i < (w + 1) * per_window; ++i) sums[e] += x_[e * size + i] * y[i];
      all[e] += sums[e];
    }
  }
  Estimates estimates;
  const std::vector<double> whole = solve(xx_all_, all);
  std::vector<std::vector<double>> drawn(n);
  for (const std::vector<Index>& counts : bootstrap_.resamples()) {
    std::vector<double> a(n * n, 0.0), b(n, 0.0);
    for (std::size_t w = 0; w < counts.size(); ++w) {
      if (counts[w] == 0) continue;
      const auto times = static_cast<double>(counts[w]);
      for (std::size_t i = 0; i < a.size(); ++i) a[i] += times * xx_[w][i];
      for (std::size_t i = 0; i < n; ++i) b[i] += times * xy[w][i];
    }
    const std::vector<double> k = solve(std::move(a), std::move(b));
    for (std::size_t e = 0; e < n; ++e) drawn[e].push_back(k[e]);
  }
  for (std::size_t e = 0; e < n; ++e) estimates.push_back(percentile_interval(whole[e], std::move(drawn[e])));
  return estimates;
}

}  // namespace headlight
