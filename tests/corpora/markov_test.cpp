// Compares the corpus `markov` with the closed form of its probabilities and with a list of all sequences.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "listed_sequences.h"

namespace headlight {
namespace {

// ln P(line), integrated over the transition probabilities: Dirichlet-multinomial, row by row.
double log_evidence(const std::string& line, const MarkovOptions& o) {
  std::map<char, Next> rows;
  for (std::size_t i = 1; i < line.size(); ++i) ++rows[line[i - 1]][line[i]];
  const auto k = static_cast<double>(o.symbols);
  double sum = -std::log(k);
  for (const auto& [from, row] : rows) {
    double n = 0;
    for (const auto& [to, count] : row) {
      sum += std::lgamma(o.concentration + count) - std::lgamma(o.concentration);
      n += count;
    }
    sum += std::lgamma(k * o.concentration) - std::lgamma(k * o.concentration + n);
  }
  return sum;
}

Strings all_markov(const MarkovOptions& o) {
  Strings strings{{"", 1}};
  for (Index i = 0; i < o.length; ++i) {
    Strings longer;
    for (const auto& [prefix, p] : strings)
      for (Index s = 0; s < o.symbols; ++s) longer[prefix + static_cast<char>('a' + s)] = 0;
    strings = longer;
  }
  for (auto& [line, p] : strings) p = std::exp(log_evidence(line, o));
  return strings;
}

// The frequency of each sequence equals the integral, which also tests the distribution of the rows.
TEST(Markov, AreAsListed) {
  for (const MarkovOptions o : {MarkovOptions{.symbols = 3, .concentration = 0.3, .length = 5},
                                MarkovOptions{.symbols = 2, .concentration = 1, .length = 6},
                                MarkovOptions{.symbols = 2, .concentration = 2.5, .length = 7}}) {
    const TracedText text = draw_markov(o, 120'000, 6);
    const Strings strings = all_markov(o);
    expect_as_listed(text, strings);
    double entropy = 0;
    for (const auto& [line, p] : strings) entropy -= p * std::log(p);
    EXPECT_NEAR(floor_of_symbols(text), entropy / static_cast<double>(o.length), 0.01);
  }
}

TEST(Markov, AtFullSizeIsTheClosedForm) {
  const TracedText text = corpus("markov", 20'000, 8);
  const std::vector<std::string> lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto begin = text.log_probability.begin() + text.document_starts[i];
    ASSERT_NEAR(std::accumulate(begin, begin + 64, 0.0), log_evidence(lines[i], {}), 1e-9) << lines[i];
  }
}

double digamma(double x) { return (std::lgamma(x + 1e-5) - std::lgamma(x - 1e-5)) / 2e-5; }

TEST(Markov, References) {
  const TracedText text = corpus("markov", 1'000'000, 8);
  std::map<std::string, double> loss, second;
  const auto documents = static_cast<double>(text.document_starts.size());
  for (const Reference& r : text.references) {
    loss[r.name] = -std::accumulate(r.log_probability.begin(), r.log_probability.end(), 0.0) / documents / 64;
    for (const std::int64_t start : text.document_starts)
      second[r.name] -= r.log_probability[static_cast<std::size_t>(start + 1)] / documents;
  }
  EXPECT_NEAR(loss.at("uniform"), std::log(4.0), 1e-9);
  // The second symbol is drawn from one row, whose mean entropy is known.
  EXPECT_NEAR(second.at("matrix"), digamma(4 * 0.3 + 1) - digamma(0.3 + 1), 0.01);
  const double optimum = floor_of_symbols(text);
  EXPECT_LT(loss.at("matrix"), optimum - 0.1);
  EXPECT_LT(optimum, loss.at("bigram") - 0.02);
  EXPECT_LT(loss.at("bigram"), loss.at("unigram") - 0.2);
  EXPECT_LT(loss.at("unigram"), loss.at("uniform") - 0.2);
  // Compares the readers with counts made here.
  for (std::size_t d = 0; d < 20; ++d) {
    const auto start = static_cast<std::size_t>(text.document_starts[d]);
    const std::string line = text.text.substr(start, 64);
    for (std::size_t i = 1; i < 64; ++i) {
      const auto same = static_cast<double>(std::count(line.begin(), line.begin() + static_cast<Index>(i), line[i]));
      double pair = 0, before = 0;
      for (std::size_t j = 1; j < i; ++j) {
        before += line[j - 1] == line[i - 1] ? 1 : 0;
        pair += line[j - 1] == line[i - 1] && line[j] == line[i] ? 1 : 0;
      }
      ASSERT_NEAR(text.references[1].log_probability[start + i], std::log((same + 1) / (static_cast<double>(i) + 4)),
                  1e-12);
      ASSERT_NEAR(text.references[2].log_probability[start + i], std::log((pair + 1) / (before + 4)), 1e-12);
      EXPECT_EQ(text.rule_names[text.rule[start + i]], before > 0 ? "seen" : "unseen");
      EXPECT_EQ(text.evidence[start + i] > 0, pair > 0);
    }
  }
}

}  // namespace
}  // namespace headlight
