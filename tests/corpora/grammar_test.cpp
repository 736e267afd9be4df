// The generator and the exact filter of grammars. The filter's probabilities are compared with independent enumerations
// of all strings of small grammars.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "corpora/grammar/grammar.h"
#include "headlight/base/error.h"
#include "headlight/corpora/corpus.h"

namespace headlight {
namespace {

using Strings = std::map<std::string, double>;

double total_score(const Grammar& grammar, const std::string& text) {
  const std::vector<double> scores = score(grammar, text);
  return std::accumulate(scores.begin(), scores.end(), 0.0);
}

// The probability that the filter assigns to a whole tale. Tales must end with a character that occurs nowhere else.
void expect_scores(const Grammar& grammar, const Strings& strings) {
  double sum = 0;
  for (const auto& [text, probability] : strings) {
    sum += probability;
    EXPECT_NEAR(total_score(grammar, text), std::log(probability), 1e-12) << text;
  }
  EXPECT_NEAR(sum, 1.0, 1e-12);
}

// P(next | prefix), computed from the list of all strings.
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
  // "aab." has four derivations: a+ab, aa+b, and two through `deep`; "ab." has two, "aaab." one.
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
  // The text shows only later which variable the first word bound: both derivations stay alive in either binding order.
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
  // Balanced brackets, with P(depth n) = 0.6 * 0.4^n, and a right-recursive tail.
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
  // Tales "a" (2/3) or "ab" (1/3), repeated: after an "a" the tale may have ended or not.
  const Grammar grammar = Grammar::parse("tale = 2: \"a\" | \"ab\"", "g");
  const std::vector<double> scores = score(grammar, "aaba");
  EXPECT_NEAR(scores[0], 0.0, 1e-15);
  EXPECT_NEAR(scores[1], std::log(2.0 / 3), 1e-15);
  EXPECT_NEAR(scores[2], std::log(1.0 / 3), 1e-15);
  EXPECT_NEAR(scores[3], 0.0, 1e-15);
}

TEST(GrammarFilter, ANewTaleLeavesAnUnfinishedOneUntouched) {
  // After "p." the tale has ended, or its word recurs: both derivations must survive, with separate stacks and
  // bindings.
  const Grammar grammar = Grammar::parse(
      "words n = p | q\nlet x : n\ntale = part rest\npart = $x \".\"\nrest = \"\" | again \",\"\nagain = $x", "g");
  const std::vector<double> scores = score(grammar, "p.p,q.q.");
  const std::vector<double> expected{1.0 / 2, 1, 3.0 / 4, 2.0 / 3, 1.0 / 2, 1, 3.0 / 4, 1.0 / 3};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(scores[i], std::log(expected[i]), 1e-12) << i;
}

TEST(GrammarFilter, MergedDerivationsKeepTheirWholeWeight) {
  // "ab." has two derivations, "ac." one: the two merge before the "b", and their weights must add up.
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
  // One string has 2^40 derivations, but at each character only a few are distinct.
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
    EXPECT_EQ(back(third), static_cast<std::int32_t>(third - again));  // the latest mention in the same form
    EXPECT_EQ(rule(answer), "answer");
    EXPECT_EQ(back(answer), static_cast<std::int32_t>(answer - at));  // the whole "a fox", not only "fox"
    const std::size_t first_many = first_y + y.size() + 1, second_many = first_many + 5;
    EXPECT_EQ(rule(first_many), "m-again");
    // "ox" shares only two letters, below the limit. "ape" shares three; the s of "apes" occurs nowhere before.
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
  // 2^16 empty calls are detected while the grammar runs, not when it is checked.
  std::string text = "tale = \"x\" r0 \".\"\n";
  for (int i = 0; i < 16; ++i) text += cat("r", i, " = r", i + 1, " r", i + 1, "\n");
  text += "r16 = \"\"\n";
  const Grammar empty = Grammar::parse(text, "g");
  EXPECT_THROW(generate(empty, 10, 1, Trace::kNone), Error);
  EXPECT_THROW(score(empty, "x."), Error);
  // As many distinct derivations of the same characters.
  std::string wide = "tale = r0\n";
  for (int i = 0; i < 16; ++i) wide += cat("r", i, " = r", i + 1, " \"a\" | r", i + 1, " \"b\"\n");
  wide += "r16 = \"x\"\n";
  EXPECT_THROW(score(Grammar::parse(wide, "g"), "x"), Error);
}

TEST(Corpus, TheExampleInTheReadmeIsAGrammar) {
  std::ifstream file(HEADLIGHT_SOURCE_DIR "/data/README.md");
  const std::string readme((std::istreambuf_iterator<char>(file)), {});
  const std::size_t begin = readme.find("```\n") + 4;
  ASSERT_GE(begin, 4u);
  const Grammar grammar = Grammar::parse(readme.substr(begin, readme.find("```", begin) - begin), "README.md");
  // ann has probability 2/3, tom is the only name left, speech has probability 3/4.
  EXPECT_NEAR(total_score(grammar, "ann met tom. \"hello\" said she.\n"), std::log(2.0 / 3 * 0.75), 1e-12);
  EXPECT_NEAR(total_score(grammar, "tom met ann. they slept.\n"), std::log(1.0 / 3 * 0.25 / 3), 1e-12);
}

TEST(Corpus, UnknownNamesListTheKnown) {
  EXPECT_EQ(corpus_names(), (std::vector<std::string>{"tales", "repeats", "repeats-fixed", "roles", "markov", "chorus",
                                                      "chorus-induction", "numbers"}));
  for (const std::string& name : corpus_names()) EXPECT_GE(corpus(name, 1, 1).size(), 1);
  try {
    corpus("tails", 10, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(
        error.what(),
        "corpus: there is no corpus 'tails'; choose one of: tales, repeats, repeats-fixed, roles, markov, chorus, "
        "chorus-induction, numbers");
  }
  EXPECT_THROW(corpus("tales", 0, 1), Error);
  EXPECT_THROW(corpus("tales", kMaxCorpusChars + 1, 1), Error);
  EXPECT_THROW(builtin_grammar_text("no"), Error);
}

}  // namespace
}  // namespace headlight
