// The built-in tales: their size, their entropy floor, the trace of their rules and evidence, and their exact text.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "corpora/grammar/grammar.h"
#include "headlight/corpora/corpus.h"

namespace headlight {
namespace {

TEST(Tales, SizesThatTheDemoRestsOn) {
  const Grammar grammar = Grammar::parse(builtin_grammar_text("tales"), "tales.grammar");
  EXPECT_GT(grammar.longest_tale(), 0);
  EXPECT_LT(grammar.longest_tale(), 144);
  EXPECT_LE(grammar.alphabet().size(), 40u);
  const TracedText made = corpus("tales", 300000, 1, Trace::kNone);
  const double mean = static_cast<double>(made.size()) / static_cast<double>(made.document_starts.size());
  EXPECT_GT(mean, 85);
  EXPECT_LT(mean, 120);
  std::set<char> used(made.text.begin(), made.text.end());
  EXPECT_EQ(std::string(used.begin(), used.end()), grammar.alphabet());
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < made.document_starts.size(); ++i) {
    longest = std::max(longest, made.document_starts[i] - made.document_starts[i - 1]);
  }
  EXPECT_LE(longest, grammar.longest_tale());
}

TEST(Tales, FloorIsFiniteStableAndTheMeanOfTheScores) {
  const TracedText made = corpus("tales", 100000, 2);
  const Grammar grammar = Grammar::parse(builtin_grammar_text("tales"), "tales.grammar");
  const std::vector<double> scores = score(grammar, made.text);
  for (const double s : scores) ASSERT_TRUE(std::isfinite(s) && s <= 1e-12);
  EXPECT_NEAR(made.floor(), -std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size()),
              1e-12);
  // Another text of the same grammar has nearly the same entropy floor, because the floor is a property of the grammar.
  EXPECT_NEAR(made.floor(), corpus("tales", 100000, 3).floor(), 0.01);
  EXPECT_GT(made.floor(), 0.12);
  EXPECT_LT(made.floor(), 0.5);
}

TEST(Tales, NextCharacterSumsToOneAfterAnyPrefix) {
  const TracedText made = corpus("tales", 6000, 4);
  const Grammar grammar = Grammar::parse(builtin_grammar_text("tales"), "tales.grammar");
  GrammarFilter filter(grammar);
  for (std::size_t i = 0; i < made.text.size(); ++i) {
    const auto distribution = filter.next_distribution();
    ASSERT_NEAR(std::accumulate(distribution.begin(), distribution.end(), 0.0), 1.0, 1e-12) << i;
    ASSERT_NEAR(std::log(distribution[static_cast<unsigned char>(made.text[i])]), made.log_probability[i], 1e-12) << i;
    filter.advance(made.text[i]);
  }
}

TEST(Tales, EvidencePointsToEqualCharactersOfTheSameTale) {
  const TracedText made = corpus("tales", 50000, 5);
  std::size_t document = 0;
  Index pointing = 0;
  std::map<std::string, Index> answered;
  for (std::size_t i = 0; i < made.text.size(); ++i) {
    while (document + 1 < made.document_starts.size() && made.document_starts[document + 1] <= static_cast<Index>(i))
      ++document;
    const std::int32_t back = made.evidence[i];
    const std::string& rule = made.rule_names[made.rule[i]];
    if (rule == "name-again" || rule == "lookup-answer") answered[rule] += back > 0 ? 1 : 0;
    if (rule == "name-again") {
      ASSERT_GT(back, 0);
    }
    if (rule == "name") {
      ASSERT_EQ(back, 0);
    }
    if (back == 0) continue;
    ++pointing;
    ASSERT_GE(static_cast<Index>(i) - back, made.document_starts[document]);
    ASSERT_EQ(made.text[i - static_cast<std::size_t>(back)], made.text[i]);
  }
  EXPECT_GT(pointing, made.size() / 7);
  EXPECT_GT(answered["name-again"], 100);
  EXPECT_GT(answered["lookup-answer"], 300);
}

TEST(Tales, WhatLooksForcedIsForced) {
  // Answers and closing brackets are determined by the earlier text, so that their entropy given that text is 0.
  const TracedText made = corpus("tales", 50000, 6);
  std::map<std::string, double> loss;
  for (std::size_t i = 0; i < made.text.size(); ++i) loss[made.rule_names[made.rule[i]]] -= made.log_probability[i];
  for (const char* rule : {"lookup-answer", "beast-again", "end-of-tale"}) {
    ASSERT_EQ(loss.count(rule), 1u) << rule;
    EXPECT_NEAR(loss[rule], 0.0, 1e-9) << rule;
  }
  EXPECT_GT(loss["name"], 1000.0);
}

TEST(Tales, TheSameTextOnEveryMachine) {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : corpus("tales", 100000, 42, Trace::kNone).text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  EXPECT_EQ(hash, 8675640697785780128u);
}

}  // namespace
}  // namespace headlight
