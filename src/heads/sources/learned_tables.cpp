// Correlation of tables with a shuffled null, for all heads and experts.
#include "heads/sources/learned_tables.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "heads/sources/head_circuits.h"

namespace headlight {

namespace {

// The table centered over columns and over rows.
std::vector<double> centered(std::span<const double> table, std::size_t columns) {
  std::vector<double> out(table.begin(), table.end());
  const std::size_t rows = out.size() / columns;
  for (std::size_t r = 0; r < rows; ++r) {
    double mean = 0;
    for (std::size_t c = 0; c < columns; ++c) mean += out[r * columns + c] / static_cast<double>(columns);
    for (std::size_t c = 0; c < columns; ++c) out[r * columns + c] -= mean;
  }
  for (std::size_t c = 0; c < columns; ++c) {
    double mean = 0;
    for (std::size_t r = 0; r < rows; ++r) mean += out[r * columns + c] / static_cast<double>(rows);
    for (std::size_t r = 0; r < rows; ++r) out[r * columns + c] -= mean;
  }
  return out;
}

template <class T>
void shuffle(std::vector<T>& values, Rng& rng) {
  for (std::size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[static_cast<std::size_t>(rng.below(static_cast<Index>(i)))]);
}

}  // namespace

TableMatch match_tables(std::span<const double> learned, std::span<const double> truth, std::size_t columns,
                        std::uint64_t seed, int shuffles) {
  TableMatch match;
  const std::size_t rows = columns > 0 ? truth.size() / columns : 0;
  if (rows < 2 || columns < 2) return match;
  const std::vector<double> a = centered(learned, columns), b = centered(truth, columns);
  const auto squares = [](const std::vector<double>& x) {
    return std::inner_product(x.begin(), x.end(), x.begin(), 0.0);
  };
  const double norm = std::sqrt(squares(a) * squares(b));
  if (!(norm > 0)) return match;
  std::vector<std::size_t> row(rows), column(columns);
  std::iota(row.begin(), row.end(), 0);
  std::iota(column.begin(), column.end(), 0);
  const auto correlation = [&] {
    double sum = 0;
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c) sum += a[r * columns + c] * b[row[r] * columns + column[c]];
    return sum / norm;
  };
  match.correlation = correlation();
  std::vector<double> null;
  Rng rng(mix64(seed));
  double as_high = 0;
  for (int s = 0; s < shuffles; ++s) {
    shuffle(row, rng);
    shuffle(column, rng);
    null.push_back(correlation());
    if (null.back() >= match.correlation) ++as_high;
  }
  match.p = (1 + as_high) / (1 + static_cast<double>(shuffles));
  if (!null.empty()) match.null_95 = percentile(std::move(null), 0.95);
  return match;
}

LearnedTables learned_tables(const TransformerLM& model, const ExpertWindows& experts, std::uint64_t seed) {
  LearnedTables tables;
  const std::size_t n = experts.experts().size(), columns = experts.next().size();
  const auto symbols = experts.symbols();
  const auto& inputs = experts.windows().inputs();
  for (std::size_t e = 0; e < n; ++e) {
    std::vector<bool> seen(symbols.size(), false);
    for (Index place = 0; place < static_cast<Index>(inputs.size()); ++place) {
      const Index at = experts.counts(place) ? experts.evidence(e, place) : -1;
      if (at < 0) continue;
      const auto found = std::find(symbols.begin(), symbols.end(), inputs[static_cast<std::size_t>(at)]);
      if (found != symbols.end()) seen[static_cast<std::size_t>(found - symbols.begin())] = true;
    }
    std::vector<std::size_t>& rows = tables.rows.emplace_back();
    std::vector<double>& truth = tables.truth.emplace_back();
    for (std::size_t s = 0; s < symbols.size(); ++s) {
      if (seen[s]) rows.push_back(s);
      const auto row = experts.row(e, symbols[s]);
      truth.insert(truth.end(), row.begin(), row.end());
    }
  }
  const auto some_rows = [&](const std::vector<double>& table, const std::vector<std::size_t>& rows) {
    std::vector<double> part;
    for (const std::size_t r : rows)
      part.insert(part.end(), table.begin() + static_cast<std::ptrdiff_t>(r * columns),
                  table.begin() + static_cast<std::ptrdiff_t>((r + 1) * columns));
    return part;
  };
  for (const HeadId id : all_heads(model.config())) {
    const std::vector<double>& learned = tables.learned.emplace_back(table_of_head(model, id, symbols, experts.next()));
    std::vector<TableMatch>& row = tables.match.emplace_back();
    for (std::size_t e = 0; e < n; ++e)
      row.push_back(
          match_tables(some_rows(learned, tables.rows[e]), some_rows(tables.truth[e], tables.rows[e]), columns, seed));
  }
  return tables;
}

}  // namespace headlight
