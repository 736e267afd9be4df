// Compares a corpus with a list of all its sequences and their probabilities.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "corpora/sequences.h"

namespace headlight {

using Strings = std::map<std::string, double>;
using Next = std::map<char, double>;

inline std::vector<std::string> lines_of(const TracedText& text) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < text.document_starts.size(); ++i) {
    const auto begin = static_cast<std::size_t>(text.document_starts[i]);
    lines.push_back(text.text.substr(begin, text.text.find('\n', begin) - begin));
  }
  return lines;
}

inline double probability_of(const Strings& strings, const std::string& prefix) {
  double sum = 0;
  for (auto at = strings.lower_bound(prefix); at != strings.end() && at->first.rfind(prefix, 0) == 0; ++at)
    sum += at->second;
  return sum;
}

// Expects that the log-probability of each symbol follows from the list of all sequences, and that sequences occur with
// the listed frequencies (Pearson's statistic: mean `cells - 1`, standard deviation sqrt(2 (cells - 1))).
inline void expect_as_listed(const TracedText& text, const Strings& strings) {
  EXPECT_NEAR(probability_of(strings, ""), 1, 1e-12);
  Strings counts;
  const std::vector<std::string> lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    ASSERT_EQ(strings.count(lines[i]), 1u) << lines[i] << " is impossible";
    if (++counts[lines[i]] > 1) continue;
    const auto start = static_cast<std::size_t>(text.document_starts[i]);
    for (std::size_t k = 0; k < lines[i].size(); ++k)
      ASSERT_NEAR(
          text.log_probability[start + k],
          std::log(probability_of(strings, lines[i].substr(0, k + 1)) / probability_of(strings, lines[i].substr(0, k))),
          1e-12)
          << lines[i] << " at " << k;
  }
  double statistic = 0, cells = 0, rare = 0, rare_expected = 0;
  const auto cell = [&](double count, double expected) {
    statistic += (count - expected) * (count - expected) / expected;
    ++cells;
  };
  for (const auto& [line, p] : strings) {
    const double expected = p * static_cast<double>(lines.size());
    if (expected >= 8) cell(counts[line], expected);
    else rare += counts[line], rare_expected += expected;
  }
  if (rare_expected >= 8) cell(rare, rare_expected);
  ASSERT_GE(cells, 5);
  EXPECT_LT(statistic, cells - 1 + 5 * std::sqrt(2 * (cells - 1)));
}

// The mean loss of each rule, in nats.
inline std::map<std::string, double> floor_by_rule(const TracedText& text, std::span<const double> log_probability) {
  std::map<std::string, double> sum, count;
  for (std::size_t i = 0; i < text.text.size(); ++i) {
    sum[text.rule_names[text.rule[i]]] -= log_probability[i];
    ++count[text.rule_names[text.rule[i]]];
  }
  for (auto& [rule, loss] : sum) loss /= count[rule];
  return sum;
}

// The entropy floor in nats per symbol, without the line breaks.
inline double floor_of_symbols(const TracedText& text) {
  return text.floor() * static_cast<double>(text.size()) /
         static_cast<double>(text.size() - static_cast<Index>(text.document_starts.size()));
}

}  // namespace headlight
