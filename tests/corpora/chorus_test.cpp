// Compares the probabilities of Chorus with an independent implementation, and its floor with an enumeration of all
// lines.
#include "corpora/chorus.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "corpora/sequences.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

constexpr std::size_t kNone = std::string::npos;

// Where each expert of the two corpora reads in a line: places, or kNone.
struct Reading {
  std::size_t last = kNone, back_1 = kNone, back_3 = kNone, topic = kNone, digit = kNone, induction = kNone;
};

Reading reading_of(const std::string& line) {
  Reading r;
  const std::size_t n = line.size();
  if (n >= 1) r.last = n - 1, r.topic = 0;
  if (n >= 2) r.back_1 = n - 2;
  if (n >= 4) r.back_3 = n - 4;
  r.digit = line.find_last_of("123456789");
  for (std::size_t j = 0; n >= 2 && j + 1 < n; ++j)
    if (line[j] == line[n - 1]) r.induction = j + 1;
  return r;
}

std::size_t place_of(const Reading& r, const std::string& expert) {
  return expert == "last"     ? r.last
         : expert == "back-1" ? r.back_1
         : expert == "back-3" ? r.back_3
         : expert == "topic"  ? r.topic
         : expert == "digit"  ? r.digit
                              : r.induction;
}

// p(next | line) by the definition.
std::vector<double> defined(const Chorus& chorus, const std::string& line) {
  const std::string& symbols = chorus.symbols();
  const std::size_t n = symbols.size();
  std::vector<double> p(n, 0.0);
  double total = 0;
  for (std::size_t c = 1; c < n; ++c) {
    if (line.empty() && symbols[c] < 'a') continue;
    double score = line.empty() ? chorus.experts()[0].table[c] : 0;
    for (const Expert& e : chorus.experts())
      if (const std::size_t place = place_of(reading_of(line), e.name); place != kNone)
        score += e.table[symbols.find(line[place]) * n + c];
    total += p[c] = std::exp(score);
  }
  for (double& x : p) x /= total;
  return p;
}

ChorusOptions induction_options() { return {.offsets = {1}, .induction = true}; }

TEST(Chorus, ProbabilitiesAndEvidenceFollowTheDefinition) {
  for (const ChorusOptions& o : {ChorusOptions(), induction_options()}) {
    const Chorus chorus(o);
    const TracedText text = draw_chorus(o, 20'000, 5);
    ASSERT_EQ(text.experts.size(), 5u);
    std::string line;
    Index digits_missing = 0;
    for (std::size_t i = 0; i < text.text.size(); ++i) {
      if (text.text[i] == '\n') {
        line.clear();
        EXPECT_EQ(text.log_probability[i], 0);
        for (const Expert& e : text.experts) ASSERT_EQ(e.evidence[i], 0);
        continue;
      }
      const std::vector<double> p = defined(chorus, line);
      ASSERT_NEAR(std::exp(text.log_probability[i]), p[chorus.symbols().find(text.text[i])], 1e-12);
      for (const Expert& e : text.experts) {
        const std::size_t place = place_of(reading_of(line), e.name);
        ASSERT_EQ(e.evidence[i], place == kNone ? 0 : static_cast<std::int32_t>(line.size() - place)) << e.name;
        if (e.name == "digit" && place == kNone) ++digits_missing;
      }
      if (i < 3000) {
        double sum = 0;
        const std::vector<double> log_p = chorus.log_probabilities(line);
        for (std::size_t c = 0; c < log_p.size(); ++c) {
          ASSERT_NEAR(std::exp(log_p[c]), p[c], 1e-12);
          sum += std::exp(log_p[c]);
        }
        ASSERT_NEAR(sum, 1, 1e-12);
      }
      line += text.text[i];
    }
    EXPECT_GT(digits_missing, 0) << "an expert without evidence";
  }
}

// The mean entropy of a symbol, from a list of all lines.
double listed_entropy(const Chorus& chorus, Index length, double& total) {
  double entropy = 0;
  const std::function<void(const std::string&, double)> visit = [&](const std::string& line, double p_line) {
    if (static_cast<Index>(line.size()) == length) {
      total += p_line;
      return;
    }
    const std::vector<double> p = defined(chorus, line);
    for (std::size_t c = 0; c < p.size(); ++c) {
      if (p[c] <= 0) continue;
      entropy -= p_line * p[c] * std::log(p[c]);
      visit(line + chorus.symbols()[c], p_line * p[c]);
    }
  };
  visit("", 1);
  return entropy / static_cast<double>(length);
}

TEST(Chorus, FloorIsTheEntropyOfAllLines) {
  const ChorusOptions small = {.letters = 3, .digits = 2, .induction = true, .tables = 7, .length = 6};
  double total = 0;
  const double entropy = listed_entropy(Chorus(small), small.length, total);
  EXPECT_NEAR(total, 1, 1e-9);
  const TracedText text = draw_chorus(small, 700'000, 3);
  double sum = 0, squares = 0;
  const auto lines = static_cast<double>(text.document_starts.size());
  for (const std::int64_t start : text.document_starts) {
    double nats = 0;
    for (Index i = start; i < start + small.length; ++i) nats -= text.log_probability[static_cast<std::size_t>(i)];
    sum += nats / static_cast<double>(small.length);
    squares += nats / static_cast<double>(small.length) * nats / static_cast<double>(small.length);
  }
  const double mean = sum / lines, error = std::sqrt((squares / lines - mean * mean) / lines);
  EXPECT_NEAR(mean, entropy, 4 * error);
  EXPECT_LT(error, 0.002);
  EXPECT_LT(entropy, 0.9 * std::log(5)) << "the tables make symbols predictable";
}

TEST(Chorus, TablesAreFixedByTheirSeedAndTheExpertsName) {
  const auto tables = [](const ChorusOptions& o) {
    std::map<std::string, std::vector<double>> by_name;
    const Chorus chorus(o);
    for (const Expert& e : chorus.experts()) by_name[e.name] = e.table;
    return by_name;
  };
  const auto all = tables({});
  EXPECT_EQ(all.size(), 5u);
  EXPECT_EQ(tables({.offsets = {3}, .topic = false}).at("back-3"), all.at("back-3"));
  EXPECT_EQ(draw_chorus({}, 1, 1).experts[0].table, draw_chorus({}, 1, 2).experts[0].table);
  EXPECT_NE(tables({.tables = 2}).at("back-3"), all.at("back-3"));
  EXPECT_NE(all.at("back-1"), all.at("back-3"));
  double squares = 0, count = 0;
  for (const auto& [name, table] : all) {
    ASSERT_EQ(table.size(), 17u * 17);
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (i % 17 == 0) {
        EXPECT_EQ(table[i], 0) << "the line break is never next";
        continue;
      }
      squares += table[i] * table[i];
      ++count;
    }
  }
  EXPECT_NEAR(std::sqrt(squares / count), 1.3, 4 * 1.3 / std::sqrt(2 * count));
}

TEST(Chorus, ExpertsAreThoseOfTheOptions) {
  const auto names = [](const ChorusOptions& o) {
    std::string all;
    const Chorus chorus(o);
    for (const Expert& e : chorus.experts()) all += e.name + (e.needs_attention ? " " : "* ");
    return all;
  };
  EXPECT_EQ(names({}), "last* back-1 back-3 topic digit ");
  EXPECT_EQ(names(induction_options()), "last* back-1 topic digit induction ");
  EXPECT_EQ(names({.offsets = {2, 5, 12}, .topic = false, .digit = false}), "last* back-2 back-5 back-12 ");
  EXPECT_EQ(Chorus({}).experts()[2].reads, "the symbol three back");
}

TEST(Chorus, OptionsThatMakeNoCorpus) {
  for (const ChorusOptions& o :
       {ChorusOptions{.letters = 0}, ChorusOptions{.letters = 27}, ChorusOptions{.digits = 0},
        ChorusOptions{.digits = 10}, ChorusOptions{.offsets = {0}}, ChorusOptions{.offsets = {3, 3}},
        ChorusOptions{.offsets = {65}}, ChorusOptions{.scale = 0}, ChorusOptions{.scale = std::nan("")},
        ChorusOptions{.length = 0}}) {
    const std::string line = error_of([&] { draw_chorus(o, 10, 1); });
    EXPECT_TRUE(contains(line, "must ")) << line;
  }
  EXPECT_EQ(draw_chorus({.letters = 1, .digits = 1, .length = 1}, 1, 1).text, "a\n");
  EXPECT_TRUE(contains(error_of([] { Chorus({}).log_probabilities("a!"); }), "'!' is not one of its symbols"));
}

}  // namespace
}  // namespace headlight
