// Compares the sequence corpora's probabilities, rules and evidence with calculations that are independent of the
// generators: enumerations of all sequences with their probabilities, and closed forms.
#include "corpora/sequences.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include "corpora/grammar/grammar.h"
#include "headlight/base/error.h"
#include "listed_sequences.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

// ---- repeats --------------------------------------------------------------------------------------------------------

// All sequences with their probabilities: every period and every order of symbols.
Strings all_repeats(const RepeatsOptions& o) {
  Strings strings;
  const auto periods = static_cast<double>(o.longest - o.shortest + 1);
  const std::function<void(std::string, Index, double)> choose = [&](std::string chosen, Index period, double p) {
    const auto have = static_cast<Index>(chosen.size());
    if (have == period) {
      std::string line;
      while (static_cast<Index>(line.size()) < o.length) line += chosen;
      line.resize(static_cast<std::size_t>(o.length));
      strings[line] += p;
      return;
    }
    for (Index s = 0; s < o.symbols; ++s) {
      const char symbol = static_cast<char>('a' + s);
      if (chosen.find(symbol) == std::string::npos)
        choose(chosen + symbol, period, p / static_cast<double>(o.symbols - have));
    }
  };
  for (Index period = o.shortest; period <= o.longest; ++period) choose("", period, 1 / periods);
  return strings;
}

TEST(Repeats, AreAsListed) {
  for (const RepeatsOptions o : {RepeatsOptions{.symbols = 4, .shortest = 2, .longest = 4, .length = 7},
                                 RepeatsOptions{.symbols = 5, .shortest = 1, .longest = 3, .length = 4},
                                 RepeatsOptions{.symbols = 4, .shortest = 3, .longest = 3, .length = 8},
                                 RepeatsOptions{.symbols = 4, .shortest = 2, .longest = 4, .length = 3}})
    expect_as_listed(draw_repeats(o, 40000, 3), all_repeats(o));
}

TEST(Repeats, FloorIsTheEntropyOfThePeriodAndItsOrder) {
  const TracedText text = corpus("repeats", 1'000'000, 5);
  double entropy = std::log(15.0), unigram = 0, slots = 0;
  for (int n = 6; n <= 20; ++n) {
    entropy += (std::lgamma(33.0) - std::lgamma(33.0 - n)) / 15;
    unigram += (63 - n) * std::log(n);
    slots += 63 - n;
  }
  EXPECT_NEAR(floor_of_symbols(text), entropy / 64, 0.005);
  const auto floors = floor_by_rule(text, text.log_probability);
  EXPECT_EQ(floors.at("repeat"), 0);
  ASSERT_EQ(text.references.size(), 2u);
  EXPECT_NEAR(floor_by_rule(text, text.references[0].log_probability).at("repeat"), std::log(32.0), 1e-9);
  EXPECT_NEAR(unigram / slots, 2.47, 0.005);
  EXPECT_NEAR(floor_by_rule(text, text.references[1].log_probability).at("repeat"), unigram / slots, 0.01);
}

// The unigram reader spreads its probability evenly over the symbols that it has seen, so the sum is 1.
TEST(Repeats, TheUnigramReaderIsADistribution) {
  const RepeatsOptions o{.symbols = 4, .shortest = 2, .longest = 3, .length = 6};
  const TracedText text = draw_repeats(o, 20000, 3);
  std::map<std::string, Next> after;
  for (std::size_t i = 0; i < text.document_starts.size(); ++i) {
    const auto start = static_cast<std::size_t>(text.document_starts[i]);
    for (std::size_t k = 0; k < 6; ++k)
      after[text.text.substr(start, k)][text.text[start + k]] = std::exp(text.references[1].log_probability[start + k]);
  }
  for (const auto& [prefix, next] : after) {
    const std::set<char> seen(prefix.begin(), prefix.end());
    double sum = 0;
    bool turned = false;
    for (const auto& [symbol, p] : next) {
      // Of the symbols seen, the text continues with only one. The reader gives all of them the same probability.
      const bool known = seen.count(symbol) > 0;
      turned = turned || known;
      sum += known ? p * static_cast<double>(seen.size()) : p;
    }
    EXPECT_NEAR(sum, 1, 1e-12) << prefix;
    EXPECT_EQ(turned, prefix.size() >= 2) << prefix;
  }
}

// ---- roles ----------------------------------------------------------------------------------------------------------

char latest(const std::string& prefix, const std::string& of) {
  const std::size_t at = prefix.find_last_of(of);
  return at == std::string::npos ? '\0' : prefix[at];
}

// An independent implementation of the definition: the symbols that may follow a prefix. Reads the prefix from the
// start, to find which symbols are events and which are forced.
Next next_in_roles(const std::string& prefix, const RolesOptions& o) {
  const std::string letters = std::string("abcdefghijklmnopqrstuvwxyz").substr(0, static_cast<std::size_t>(o.letters)),
                    digits = std::string("123456789").substr(0, static_cast<std::size_t>(o.digits)),
                    keys = std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZ").substr(0, static_cast<std::size_t>(o.keys));
  const auto is_letter = [&](std::size_t i) {
    return i < prefix.size() && letters.find(prefix[i]) != std::string::npos;
  };
  const auto uniform = [](const std::string& of, double weight, Next& to) {
    for (const char c : of) to[c] += weight / static_cast<double>(of.size());
  };
  Next next;
  if (prefix.empty()) {
    uniform(letters, 1, next);
    return next;
  }
  std::map<char, char> answers;
  std::size_t i = 1;
  for (; i < prefix.size(); ++i) {
    const char event = prefix[i];
    if (letters.find(event) != std::string::npos || digits.find(event) != std::string::npos) continue;
    if (i + 1 < prefix.size()) {
      answers.emplace(event, prefix[i + 1]);
      ++i;
      continue;
    }
    // The prefix ends with a mark or a key.
    if (event == '=') return {{prefix[i - 1], 1}};
    if (event == '~') return {{prefix[i - 3], 1}};
    if (event == '^') return {{prefix[0], 1}};
    if (event == '@') return {{latest(prefix, digits), 1}};
    if (answers.count(event)) return {{answers[event], 1}};
    uniform(letters, 1, next);
    return next;
  }
  uniform(letters, 0.40, next);
  uniform(digits, 0.10, next);
  uniform(keys, 0.20, next);
  next['^'] = 0.075;
  if (is_letter(prefix.size() - 1)) next['='] = 0.075;
  if (prefix.size() >= 3 && is_letter(prefix.size() - 3)) next['~'] = 0.075;
  if (latest(prefix, digits)) next['@'] = 0.075;
  double total = 0;
  for (const auto& [symbol, weight] : next) total += weight;
  for (auto& [symbol, weight] : next) weight /= total;
  return next;
}

TEST(Roles, AreAsListed) {
  for (const RolesOptions o : {RolesOptions{.letters = 2, .digits = 1, .keys = 1, .length = 6},
                               RolesOptions{.letters = 1, .digits = 2, .keys = 2, .length = 6}}) {
    Strings strings{{"", 1}};
    for (Index i = 0; i < o.length; ++i) {
      Strings longer;
      for (const auto& [prefix, p] : strings)
        for (const auto& [symbol, chance] : next_in_roles(prefix, o)) longer[prefix + symbol] += p * chance;
      strings = longer;
    }
    expect_as_listed(draw_roles(o, 60000, 4), strings);
  }
}

TEST(Roles, FollowTheirDefinitionAtFullSize) {
  const TracedText text = corpus("roles", 20'000, 9);
  const RolesOptions o;
  const std::vector<std::string> lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (std::size_t k = 0; k < lines[i].size(); ++k) {
      const Next next = next_in_roles(lines[i].substr(0, k), o);
      const std::size_t at = static_cast<std::size_t>(text.document_starts[i]) + k;
      ASSERT_EQ(next.count(lines[i][k]), 1u) << lines[i] << " at " << k;
      ASSERT_NEAR(text.log_probability[at], std::log(next.at(lines[i][k])), 1e-12) << lines[i] << " at " << k;
      const std::string& rule = text.rule_names[text.rule[at]];
      const bool answers = next.size() == 1 || rule == "key-first" || rule == "topic-first";
      EXPECT_EQ(rule != "free", answers) << lines[i] << " at " << k;
      const char before = k > 0 ? lines[i][k - 1] : '\n';
      const std::map<std::string, std::string> asked_by = {
          {"previous", "="},       {"third", "~"},          {"topic", "^"},       {"digit", "@"},
          {"key-again", "ABCDEF"}, {"key-first", "ABCDEF"}, {"topic-first", "\n"}};
      if (rule != "free") {
        EXPECT_NE(asked_by.at(rule).find(before), std::string::npos) << rule << " after " << before;
      }
      const std::map<std::string, int> distance = {{"previous", 2}, {"third", 4}, {"topic", static_cast<int>(k)}};
      if (distance.count(rule)) {
        EXPECT_EQ(text.evidence[at], distance.at(rule));
      }
      // The distance back from the target. The evidence must be the most recent copy.
      const auto back = [&](std::size_t place) { return static_cast<std::int32_t>(k - place); };
      if (rule == "key-again") {
        EXPECT_EQ(text.evidence[at], back(lines[i].rfind(before, k - 2) + 1)) << lines[i] << " at " << k;
      }
      if (rule == "digit") {
        EXPECT_EQ(text.evidence[at], back(lines[i].find_last_of("1234", k - 2))) << lines[i] << " at " << k;
      }
    }
  }
}

TEST(Roles, Floors) {
  const TracedText text = corpus("roles", 1'000'000, 5);
  const auto floors = floor_by_rule(text, text.log_probability);
  EXPECT_NEAR(floors.at("free"), 3.166, 0.003);
  EXPECT_NEAR(floors.at("key-first"), std::log(12.0), 1e-9);
  EXPECT_NEAR(floors.at("topic-first"), std::log(12.0), 1e-9);
  EXPECT_NEAR(floor_of_symbols(text), 2.30, 0.01);
}

// ---- all ------------------------------------------------------------------------------------------------------------

std::vector<std::string> sequence_corpora() {
  std::vector<std::string> names = corpus_names();
  std::erase_if(names, [](const std::string& name) { return corpus_info(name).sequence_length == 0; });
  return names;
}

TEST(Sequences, AreLinesOfOneLength) {
  EXPECT_EQ(sequence_corpora(),
            (std::vector<std::string>{"repeats", "repeats-fixed", "roles", "markov", "chorus", "chorus-induction"}));
  for (const std::string& name : sequence_corpora()) {
    const CorpusInfo& info = corpus_info(name);
    const TracedText text = corpus(name, 50'000, 2);
    const Index line = info.sequence_length + 1;
    ASSERT_GE(text.size(), 50'000);
    ASSERT_LT(text.size(), 50'000 + line);
    ASSERT_EQ(text.size() % line, 0);
    for (std::size_t i = 0; i < text.document_starts.size(); ++i)
      ASSERT_EQ(text.document_starts[i], static_cast<Index>(i) * line);
    for (std::size_t i = 0; i < text.text.size(); ++i) {
      const bool last = static_cast<Index>(i) % line == line - 1;
      ASSERT_EQ(text.text[i] == '\n', last);
      ASSERT_EQ(text.rule_names[text.rule[i]] == "end", last);
    }
    const std::set<char> used(text.text.begin(), text.text.end());
    EXPECT_EQ(std::string(used.begin(), used.end()), info.alphabet) << name;
    EXPECT_EQ(text.rule_meanings.size(), text.rule_names.size());
    EXPECT_GT(info.meaning.size(), 20u);
    for (const Reference& r : text.references) EXPECT_EQ(r.log_probability.size(), text.text.size());
  }
  EXPECT_EQ(corpus_info("tales").sequence_length, 0);
}

TEST(Sequences, WhatIsForcedHasItsEvidence) {
  const std::set<std::string> forced = {"repeat", "previous", "third", "topic", "digit", "key-again"};
  for (const std::string& name : sequence_corpora()) {
    const TracedText text = corpus(name, 50'000, 3);
    std::size_t start = 0, found = 0;
    for (std::size_t i = 0; i < text.text.size(); ++i) {
      if (i > 0 && text.text[i - 1] == '\n') start = i;
      const std::string& rule = text.rule_names[text.rule[i]];
      const auto back = static_cast<std::size_t>(text.evidence[i]);
      ASSERT_TRUE(std::isfinite(text.log_probability[i]) && text.log_probability[i] <= 0);
      if (forced.count(rule)) {
        ++found;
        ASSERT_EQ(text.log_probability[i], 0) << name << " " << rule;
        ASSERT_GT(back, 0u) << name << " " << rule;
      } else if (rule != "end" && !(name == "repeats-fixed" && rule == "turn") && name != "repeats") {
        ASSERT_LT(text.log_probability[i], 0) << name << " " << rule;
      }
      if (back == 0) continue;
      ASSERT_LE(back, i - start) << name << ": evidence in another line";
      ASSERT_EQ(text.text[i - back], text.text[i]) << name << " " << rule;
    }
    EXPECT_EQ(found > 5'000, name != "markov" && text.experts.empty());
  }
}

TEST(Sequences, TheFixedPeriodIsFixed) {
  for (const std::string& line : lines_of(corpus("repeats-fixed", 10'000, 1)))
    for (std::size_t i = 13; i < line.size(); ++i) ASSERT_EQ(line[i], line[i - 13]);
  std::set<std::size_t> periods;
  for (const std::string& line : lines_of(corpus("repeats", 30'000, 1))) periods.insert(line.find(line[0], 1));
  EXPECT_EQ(periods.size(), 15u);
  EXPECT_EQ(*periods.begin(), 6u);
  EXPECT_EQ(*periods.rbegin(), 20u);
}

std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

TEST(Sequences, TheSameTextOnEveryMachineTracedOrNot) {
  const std::map<std::string, std::uint64_t> hashes = {
      {"repeats", 13749198011954452246u}, {"repeats-fixed", 3974402157318487782u},
      {"roles", 13403612619776801891u},   {"markov", 7025838413372951092u},
      {"chorus", 17718071001929575556u},  {"chorus-induction", 1201731048668865333u}};
  for (const std::string& name : sequence_corpora()) {
    const TracedText plain = corpus(name, 100'000, 42, Trace::kNone), traced = corpus(name, 100'000, 42);
    EXPECT_EQ(plain.text, traced.text);
    EXPECT_EQ(plain.document_starts, traced.document_starts);
    EXPECT_FALSE(plain.traced());
    EXPECT_TRUE(plain.rule.empty() && plain.evidence.empty());
    EXPECT_NE(corpus(name, 100'000, 43, Trace::kNone).text, plain.text);
    EXPECT_EQ(hash_of(plain.text), hashes.at(name)) << name;
  }
}

TEST(Sequences, OptionsThatMakeNoCorpus) {
  const auto refused = [](const auto& draw) {
    const std::string line = error_of(draw);
    EXPECT_TRUE(contains(line, "must ")) << line;
  };
  for (const RepeatsOptions o :
       {RepeatsOptions{.symbols = 0}, RepeatsOptions{.symbols = 63}, RepeatsOptions{.shortest = 0},
        RepeatsOptions{.shortest = 21}, RepeatsOptions{.longest = 33}, RepeatsOptions{.length = 0},
        RepeatsOptions{.length = kMaxSequenceLength + 1}})
    refused([&] { draw_repeats(o, 10, 1); });
  for (const RolesOptions o : {RolesOptions{.letters = 0}, RolesOptions{.letters = 27}, RolesOptions{.digits = 10},
                               RolesOptions{.keys = 0}, RolesOptions{.keys = 27}, RolesOptions{.length = -1}})
    refused([&] { draw_roles(o, 10, 1); });
  for (const MarkovOptions o :
       {MarkovOptions{.symbols = 0}, MarkovOptions{.symbols = 27}, MarkovOptions{.concentration = 0},
        MarkovOptions{.concentration = std::nan("")}, MarkovOptions{.length = 0}})
    refused([&] { draw_markov(o, 10, 1); });
  for (const std::string& name : sequence_corpora()) {
    refused([&] { corpus(name, 0, 1); });
    refused([&] { corpus(name, kMaxCorpusChars + 1, 1); });
  }
  // The smallest possible options.
  EXPECT_EQ(draw_repeats({.symbols = 1, .shortest = 1, .longest = 1, .length = 3}, 1, 1).text, "aaa\n");
  EXPECT_EQ(draw_markov({.symbols = 1, .length = 2}, 4, 1).text, "aa\naa\n");
  EXPECT_EQ(draw_roles({.letters = 1, .digits = 1, .keys = 1, .length = 1}, 1, 1).text, "a\n");
}

}  // namespace
}  // namespace headlight
