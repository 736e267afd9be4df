// The generator, the exact filter and the built-in tales. What the filter says is compared with an enumeration that knows
// nothing of it: all the strings of small grammars, worked out by hand in code below.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "headlight/base/error.h"
#include "headlight/base/random.h"
#include "headlight/data/corpus.h"
#include "headlight/data/grammar.h"

namespace headlight {
namespace {

using Strings = std::map<std::string, double>;

double total_score(const Grammar& grammar, const std::string& text) {
  const std::vector<double> scores = score(grammar, text);
  return std::accumulate(scores.begin(), scores.end(), 0.0);
}

// The probability of each whole tale is what the filter gives it; tales must end with a mark of their own.
void expect_scores(const Grammar& grammar, const Strings& strings) {
  double sum = 0;
  for (const auto& [text, probability] : strings) {
    sum += probability;
    EXPECT_NEAR(total_score(grammar, text), std::log(probability), 1e-12) << text;
  }
  EXPECT_NEAR(sum, 1.0, 1e-12);
}

// P(next | prefix) from the list of all strings.
void expect_next(const Grammar& grammar, const Strings& strings) {
  std::set<std::string> prefixes;
  for (const auto& [text, probability] : strings) {
    for (std::size_t n = 0; n < text.size(); ++n) prefixes.insert(text.substr(0, n));
  }
  for (const std::string& prefix : prefixes) {
    std::array<double, 256> expected{};
    double mass = 0;
    for (const auto& [text, probability] : strings) {
      if (text.compare(0, prefix.size(), prefix) != 0) continue;
      mass += probability;
      expected[static_cast<unsigned char>(text[prefix.size()])] += probability;
    }
    GrammarFilter filter(grammar);
    for (const char c : prefix) filter.advance(c);
    const auto actual = filter.next_distribution();
    for (std::size_t c = 0; c < 256; ++c)
      ASSERT_NEAR(actual[c], expected[c] / mass, 1e-12) << "'" << prefix << "' " << c;
  }
}

TEST(GrammarFilter, WeightedAlternatives) {
  const Grammar grammar = Grammar::parse("tale = 3: \"ab.\" | \"ac.\" | 4: (2: \"b\" | 0.5: \"bc\") \".\"", "g");
  const Strings strings{{"ab.", 3.0 / 8}, {"ac.", 1.0 / 8}, {"b.", 0.4}, {"bc.", 0.1}};
  expect_scores(grammar, strings);
  expect_next(grammar, strings);
}

TEST(GrammarFilter, SumsOverDerivationsOfOneString) {
  // "aab." is a.ab, aa.b and (through `deep`) once more whole; "ab." and "aaab." have one or two derivations each.
  const Grammar grammar = Grammar::parse(
      "tale = 3: first second \".\" | deep\n"
      "first = \"a\" | 2: \"aa\"\n"
      "second = \"ab\" | 3: \"b\"\n"
      "deep = \"\" \"aab.\" | (\"a\" \"\") (\"ab\" | \"b\") \".\"\n",
      "g");
  Strings strings;
  const Strings first{{"a", 1.0 / 3}, {"aa", 2.0 / 3}};
  const Strings second{{"ab", 0.25}, {"b", 0.75}};
  for (const auto& [f, pf] : first) {
    for (const auto& [s, ps] : second) strings[f + s + "."] += 0.75 * pf * ps;
  }
  strings["aab."] += 0.25 * 0.5 + 0.25 * 0.5 * 0.5;
  strings["ab."] += 0.25 * 0.5 * 0.5;
  EXPECT_EQ(strings.size(), 3u);
  expect_scores(grammar, strings);
  expect_next(grammar, strings);
}

TEST(GrammarFilter, VariablesBindOnceAndNeverToTheSameWord) {
  const Grammar grammar = Grammar::parse(
      "words name / he = 2: al / he | ala / she | bo / he\n"
      "let x, y : name\n"
      "tale = $x \"-\" $y \"-\" (3: $x | $y) \"-\" $x.he \".\"\n",
      "g");
  struct Word {
    std::string name, he;
    double weight;
  };
  const std::vector<Word> words{{"al", "he", 2}, {"ala", "she", 1}, {"bo", "he", 1}};
  Strings strings;
  for (const Word& x : words) {
    for (const Word& y : words) {
      if (x.name == y.name) continue;
      const double p = x.weight / 4 * (y.weight / (4 - x.weight));
      strings[x.name + "-" + y.name + "-" + x.name + "-" + x.he + "."] += 0.75 * p;
      strings[x.name + "-" + y.name + "-" + y.name + "-" + x.he + "."] += 0.25 * p;
    }
  }
  EXPECT_EQ(strings.size(), 12u);
  expect_scores(grammar, strings);
  expect_next(grammar, strings);
}

TEST(GrammarFilter, AVariableMayBeBoundByEitherOfTwoMentions) {
  // Which variable a first word belongs to is known only later: both stay alive, and binding order does not matter.
  const Grammar grammar = Grammar::parse(
      "words w / s = p / \"\" | q / x | r / xx\n"
      "let a, b : w\n"
      "tale = ($a $b | 3: $b $a) \":\" $a.s $a \".\"\n",
      "g");
  const std::vector<std::pair<std::string, std::string>> words{{"p", ""}, {"q", "x"}, {"r", "xx"}};
  Strings strings;
  for (const auto& a : words) {
    for (const auto& b : words) {
      if (a == b) continue;
      strings[a.first + b.first + ":" + a.second + a.first + "."] += 0.25 / 6;
      strings[b.first + a.first + ":" + a.second + a.first + "."] += 0.75 / 6;
    }
  }
  EXPECT_EQ(strings.size(), 12u);
  expect_scores(grammar, strings);
  expect_next(grammar, strings);
}

TEST(GrammarFilter, RecursionAgreesWithItsClosedForm) {
  // Balanced brackets around a middle: P(depth n) = 0.6 * 0.4^n; and a tail that recurs to the right.
  const Grammar grammar =
      Grammar::parse("tale = nest tail\nnest = 3: \"x\" | 2: \"(\" nest \")\"\ntail = \"y\" tail | \".\"", "g");
  EXPECT_EQ(grammar.longest_tale(), -1);
  for (int depth = 0; depth < 12; ++depth) {
    for (int tail = 0; tail < 5; ++tail) {
      const auto n = static_cast<std::size_t>(depth);
      const std::string text =
          std::string(n, '(') + "x" + std::string(n, ')') + std::string(static_cast<std::size_t>(tail), 'y') + ".";
      EXPECT_NEAR(total_score(grammar, text), std::log(0.6) + depth * std::log(0.4) + (tail + 1) * std::log(0.5),
                  1e-12);
    }
  }
}

TEST(GrammarFilter, TalesWithoutAnEndMarkAreSummedOverTheirBoundaries) {
  // "a" (2/3) or "ab" (1/3), over and over: after an "a" the tale may be over or not.
  const Grammar grammar = Grammar::parse("tale = 2: \"a\" | \"ab\"", "g");
  const std::vector<double> scores = score(grammar, "aaba");
  EXPECT_NEAR(scores[0], 0.0, 1e-15);
  EXPECT_NEAR(scores[1], std::log(2.0 / 3), 1e-15);
  EXPECT_NEAR(scores[2], std::log(1.0 / 3), 1e-15);
  EXPECT_NEAR(scores[3], 0.0, 1e-15);
}

TEST(GrammarFilter, ANewTaleLeavesAnUnfinishedOneUntouched) {
  // After "p." the tale is over, or its word comes again: both must live on, each with its own stack and bindings.
  const Grammar grammar = Grammar::parse(
      "words n = p | q\nlet x : n\ntale = part rest\npart = $x \".\"\nrest = \"\" | again \",\"\nagain = $x", "g");
  const std::vector<double> scores = score(grammar, "p.p,q.q.");
  const std::vector<double> expected{1.0 / 2, 1, 3.0 / 4, 2.0 / 3, 1.0 / 2, 1, 3.0 / 4, 1.0 / 3};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(scores[i], std::log(expected[i]), 1e-12) << i;
}

TEST(GrammarFilter, MergedDerivationsKeepTheirWholeWeight) {
  // Two ways to "ab." against one to "ac.": the two meet before the "b" and must weigh as much as both.
  const Grammar grammar = Grammar::parse("tale = 3: (\"a\" | \"\" \"a\" | \"a\" \"\") \"b.\" | 2: \"ac.\"", "g");
  const Strings strings{{"ab.", 0.6}, {"ac.", 0.4}};
  expect_scores(grammar, strings);
  expect_next(grammar, strings);
}

TEST(GrammarFilter, ImpossibleTextIsMinusInfinityFromThere) {
  const Grammar grammar = Grammar::parse("words n = tom | tim\nlet a : n\ntale = $a \" and \" $a \".\"", "g");
  const std::vector<double> scores = score(grammar, "tom and tim.");
  for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_EQ(std::isfinite(scores[i]), i < 9) << i;
  EXPECT_EQ(scores[9], -std::numeric_limits<double>::infinity());
  GrammarFilter filter(grammar);
  filter.advance('z');
  EXPECT_FALSE(filter.alive());
  const auto dead = filter.next_distribution();
  EXPECT_EQ(*std::max_element(dead.begin(), dead.end()), 0.0);
  filter.reset();
  EXPECT_EQ(filter.advance('t'), 0.0);
}

TEST(GrammarFilter, EqualDerivationsAreMerged) {
  // 2^40 derivations of one string, but never more than a few that differ.
  std::string text = "tale = ";
  for (int i = 0; i < 40; ++i) text += "(\"a\" | \"a\") ";
  const Grammar grammar = Grammar::parse(text + "\".\"", "g");
  GrammarFilter filter(grammar);
  for (int i = 0; i < 40; ++i) {
    EXPECT_LE(filter.hypotheses(), 2);
    EXPECT_NEAR(filter.advance('a'), 0.0, 1e-12);
  }
}

TEST(Generate, FrequenciesMatchProbabilities) {
  const Grammar grammar = Grammar::parse(
      "words n = 3: al | bo | cy\nlet x, y : n\ntale = ($x \"+\" $y | 2: $x \"+\" $x \"!\" | $y \"+\" $x \"+\" $y) "
      "\".\"",
      "g");
  const TracedText made = generate(grammar, 200000, 5);
  std::map<std::string, double> counts;
  const auto& starts = made.document_starts;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto begin = static_cast<std::size_t>(starts[i]);
    const std::size_t end = i + 1 < starts.size() ? static_cast<std::size_t>(starts[i + 1]) : made.text.size();
    counts[made.text.substr(begin, end - begin)] += 1;
  }
  EXPECT_EQ(counts.size(), 15u);  // 6 + 3 + 6 strings
  const auto tales = static_cast<double>(starts.size());
  double chi_square = 0, mass = 0;
  for (const auto& [text, count] : counts) {
    const double probability = std::exp(total_score(grammar, text));
    mass += probability;
    chi_square += (count - tales * probability) * (count - tales * probability) / (tales * probability);
  }
  EXPECT_NEAR(mass, 1.0, 1e-12);
  EXPECT_LT(chi_square, 36.1);  // 14 degrees of freedom: exceeded once in a thousand seeds
  EXPECT_GT(chi_square, 2.0);
}

TEST(Generate, RulesAndEvidence) {
  const Grammar grammar = Grammar::parse(
      "words n / a = fox / \"a fox\" | owl / \"an owl\"\n"
      "words m / pl = ox / oxen | ape / apes\n"
      "let x : n\nlet y : m\n"
      "tale = $x.a \" \" $x \" \" end:(\"a\" mark:\"b\" inner) $x \" \" answer:$x.a \" \" $y \" \" $y.pl \" \" $y.pl "
      "\"\\n\"\ninner = \"c\"\n",
      "g");
  const TracedText made = generate(grammar, 400, 3);
  ASSERT_TRUE(made.traced());
  std::set<std::string> kinds;
  for (std::size_t d = 0; d < made.document_starts.size(); ++d) {
    const auto at = static_cast<std::size_t>(made.document_starts[d]);
    const bool fox = made.text[at + 2] == 'f';
    const std::string who = fox ? "fox" : "owl", a = fox ? "a fox" : "an owl";
    const std::size_t again = at + a.size() + 1, end = again + 4, third = end + 3, answer = third + 4;
    const std::size_t first_y = answer + a.size() + 1;
    const bool ox = made.text[first_y] == 'o';
    const std::string y = ox ? "ox" : "ape", many = ox ? "oxen" : "apes";
    const std::string expected = a + " " + who + " abc" + who + " " + a + " " + y + " " + many + " " + many + "\n";
    ASSERT_EQ(made.text.substr(at, expected.size()), expected);
    kinds.insert(expected);
    const auto rule = [&](std::size_t i) { return made.rule_names[made.rule[i]]; };
    const auto back = [&](std::size_t i) { return made.evidence[i]; };
    EXPECT_EQ(rule(at), "n");
    EXPECT_EQ(back(at), 0);
    EXPECT_EQ(rule(again - 1), "plain");
    EXPECT_EQ(rule(again), "n-again");
    EXPECT_EQ(back(again), 4);  // "fox" within "a fox"
    EXPECT_EQ(rule(end) + rule(end + 1) + rule(end + 2), "endmarkend");
    EXPECT_EQ(back(third), static_cast<std::int32_t>(third - again));  // the latest in the same form
    EXPECT_EQ(rule(answer), "answer");
    EXPECT_EQ(back(answer), static_cast<std::int32_t>(answer - at));  // "a fox" again, not just "fox"
    const std::size_t first_many = first_y + y.size() + 1, second_many = first_many + 5;
    EXPECT_EQ(rule(first_many), "m-again");
    // "ox" shares two letters only: chance. "ape" shares three; the s of "apes" stands nowhere before.
    EXPECT_EQ(back(first_many), ox ? 0 : 4);
    EXPECT_EQ(back(first_many + 3), 0);
    EXPECT_EQ(back(second_many + 3), 5);
  }
  EXPECT_EQ(kinds.size(), 4u);
}

TEST(Generate, WithAndWithoutTrace) {
  const TracedText traced = corpus("tales", 5000, 11);
  const TracedText plain = corpus("tales", 5000, 11, Trace::kNone);
  EXPECT_EQ(traced.text, plain.text);
  EXPECT_EQ(traced.document_starts, plain.document_starts);
  EXPECT_FALSE(plain.traced());
  EXPECT_TRUE(plain.rule.empty());
  EXPECT_THROW(plain.floor(), Error);
  EXPECT_THROW(traced.floor(10, 10), Error);
  EXPECT_THROW(traced.floor(-1, 10), Error);
  EXPECT_THROW(traced.floor(0, traced.size() + 1), Error);
  EXPECT_NE(corpus("tales", 5000, 12, Trace::kNone).text, plain.text);
}

TEST(Generate, LongRunsWithoutTextAndLongTalesAreErrors) {
  // 2^16 empty calls: found while running, not before.
  std::string text = "tale = \"x\" r0 \".\"\n";
  for (int i = 0; i < 16; ++i) text += cat("r", i, " = r", i + 1, " r", i + 1, "\n");
  text += "r16 = \"\"\n";
  const Grammar empty = Grammar::parse(text, "g");
  EXPECT_THROW(generate(empty, 10, 1, Trace::kNone), Error);
  EXPECT_THROW(score(empty, "x."), Error);
  // As many different derivations of the same characters.
  std::string wide = "tale = r0\n";
  for (int i = 0; i < 16; ++i) wide += cat("r", i, " = r", i + 1, " \"a\" | r", i + 1, " \"b\"\n");
  wide += "r16 = \"x\"\n";
  EXPECT_THROW(score(Grammar::parse(wide, "g"), "x"), Error);
}

// ---- the tales ------------------------------------------------------------------------------------------------------

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
  // Another text of the same grammar has nearly the same floor: it belongs to the grammar.
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
  // Answers and closing brackets follow from what was said: no surprise in them for a reader that remembers.
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

TEST(Corpus, TheExampleInTheReadmeIsAGrammar) {
  std::ifstream file(HEADLIGHT_SOURCE_DIR "/data/README.md");
  const std::string readme((std::istreambuf_iterator<char>(file)), {});
  const std::size_t begin = readme.find("```\n") + 4;
  ASSERT_GE(begin, 4u);
  const Grammar grammar = Grammar::parse(readme.substr(begin, readme.find("```", begin) - begin), "README.md");
  // ann 2 of 3, tom as the only name left; speech 3 of 4.
  EXPECT_NEAR(total_score(grammar, "ann met tom. \"hello\" said she.\n"), std::log(2.0 / 3 * 0.75), 1e-12);
  EXPECT_NEAR(total_score(grammar, "tom met ann. they slept.\n"), std::log(1.0 / 3 * 0.25 / 3), 1e-12);
}

TEST(Corpus, UnknownNamesListTheKnown) {
  EXPECT_EQ(corpus_names(), (std::vector<std::string>{"tales", "repeats", "repeats-fixed", "roles", "markov", "chorus",
                                                      "chorus-induction"}));
  for (const std::string& name : corpus_names()) EXPECT_GE(corpus(name, 1, 1).size(), 1);
  try {
    corpus("tails", 10, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "corpus: there is no corpus 'tails'; there are: tales, repeats, repeats-fixed, roles, markov, chorus, "
                 "chorus-induction");
  }
  EXPECT_THROW(corpus("tales", 0, 1), Error);
  EXPECT_THROW(corpus("tales", kMaxCorpusChars + 1, 1), Error);
  EXPECT_THROW(builtin_grammar_text("no"), Error);
}

}  // namespace
}  // namespace headlight
