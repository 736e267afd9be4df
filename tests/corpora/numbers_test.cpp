// Tests of the corpus numbers: words, held-out numbers, lines, and the probability of every character.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "corpora/numbers.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

TEST(Numbers, Words) {
  EXPECT_EQ(number_words(0), "zero");
  EXPECT_EQ(number_words(15), "fifteen");
  EXPECT_EQ(number_words(40), "forty");
  EXPECT_EQ(number_words(99), "ninety nine");
  EXPECT_EQ(number_words(100), "one hundred");
  EXPECT_EQ(number_words(1234), "one thousand two hundred thirty four");
  EXPECT_EQ(number_words(7007), "seven thousand seven");
  EXPECT_TRUE(contains(error_of([] { number_words(10000); }), "outside 0 to 9999"));
  EXPECT_TRUE(contains(error_of([] { number_words(-1); }), "outside 0 to 9999"));
  std::set<std::string> all;
  for (Index n = 0; n <= kMaxNumber; ++n) all.insert(number_words(n));
  EXPECT_EQ(all.size(), 10000u);
}

TEST(Numbers, HoldsOutATenth) {
  Index three = 0, four = 0;
  for (Index n = 0; n < 100; ++n) EXPECT_FALSE(is_held_out(n));
  for (Index n = 100; n < 1000; ++n) three += is_held_out(n) ? 1 : 0;
  for (Index n = 1000; n <= kMaxNumber; ++n) four += is_held_out(n) ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(three), 90, 30);
  EXPECT_NEAR(static_cast<double>(four), 900, 90);
}

// The number of a line; checks that its sides agree.
Index number_of(const std::string& line) {
  const std::size_t tab = line.find('\t');
  std::string digits = line.substr(0, tab), words = line.substr(tab + 1);
  if (!std::isdigit(static_cast<unsigned char>(digits[0]))) std::swap(digits, words);
  const Index number = std::stol(digits);
  EXPECT_EQ(words, number_words(number)) << line;
  return number;
}

TEST(Numbers, TrainingNeverContainsHeldOutNumbers) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    const TracedText text = draw_numbers(200000, seed, Trace::kNone);
    ASSERT_GE(text.size(), 200000);
    Index words = 0;
    for (std::size_t d = 0; d < text.document_starts.size(); ++d) {
      const auto start = static_cast<std::size_t>(text.document_starts[d]);
      const std::string line = text.text.substr(start, text.text.find('\n', start) - start);
      EXPECT_EQ(is_held_out(number_of(line)), seed == kHeldOutSeed) << line;
      words += std::isdigit(static_cast<unsigned char>(line[0])) ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(words) / static_cast<double>(text.document_starts.size()), 0.5, 0.02);
  }
}

TEST(Numbers, ProbabilitiesAreExact) {
  const TracedText text = draw_numbers(100000, 1);
  ASSERT_TRUE(text.traced());
  EXPECT_EQ(text.text, draw_numbers(100000, 1, Trace::kNone).text);
  // A line's probability: half a direction, a quarter a number of digits, and its share of those numbers.
  Index one = 0;
  for (std::size_t d = 0; d + 1 < text.document_starts.size(); ++d) {
    const auto from = static_cast<std::size_t>(text.document_starts[d]),
               to = static_cast<std::size_t>(text.document_starts[d + 1]);
    double sum = 0;
    for (std::size_t i = from; i < to; ++i) sum += text.log_probability[i];
    const Index number = number_of(text.text.substr(from, to - 1 - from));
    if (number >= 100) continue;
    ++one;
    EXPECT_NEAR(std::exp(sum), 0.125 / (number < 10 ? 10 : 90), 1e-12);
  }
  EXPECT_GT(one, 1000);
  // The source determines the target.
  const auto rule = [&](std::size_t i) { return text.rule_names[text.rule[i]]; };
  for (std::size_t i = 0; i < text.text.size(); ++i) {
    if (rule(i) == "target" || rule(i) == "end") {
      EXPECT_EQ(text.log_probability[i], 0);
    }
    EXPECT_EQ(rule(i) == "end", text.text[i] == '\n');
    EXPECT_EQ(rule(i) == "tab", text.text[i] == '\t');
  }
  EXPECT_FALSE(draw_numbers(1000, kHeldOutSeed).traced());
}

TEST(Numbers, RefusesSizes) {
  EXPECT_TRUE(contains(error_of([] { draw_numbers(0, 1); }), "must lie in 1"));
}

}  // namespace
}  // namespace headlight
