// NgramModel against a calculation by hand and against the definition.
#include "data/ngram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "headlight/base/random.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

using Ids = std::vector<std::int32_t>;

// Computed by hand for the text 0 1 0 1 0 2 with a vocabulary of 4.
//
// Order 1: the counts of 0, 1, 2, 3 are 3, 2, 1, 0. One token has the count 1, one has 2: D = 1 / (1 + 2) = 1/3. Three
// different tokens occur at 6 places, so p(w) = (c - 1/3) / 6 + (1/3 * 3 / 6) * 1/4: 3 -> 1/24, 2 -> 1/9 + 1/24.
//
// Order 2: the pair 01 occurs 2 times, 10 2 times, 02 once. One pair has the count 1, two have 2: D = 1 / (1 + 4) =
// 1/5. The lower order counts the different tokens before each token: {1} before 0, {0} before 1, {0} before 2. Three
// counts are 1 and none is 2, so D' = 1 and p'(w) = 0 / 3 + 1 * 3 / 3 * 1/4 = 1/4 for every w. After 0, 1 occurs twice
// and 2 once (sum 3, two followers): p(1 | 0) = (2 - 1/5) / 3 + (1/5 * 2 / 3) / 4 = 0.6 + 1/30, p(2 | 0) = 0.8 / 3 +
// 1/30, p(0 | 0) = p(3 | 0) = 1/30.
TEST(NgramModel, AgreesWithCountingByHand) {
  const NgramModel model(Ids{0, 1, 0, 1, 0, 2}, 4, 2);
  EXPECT_EQ(model.counted_tokens(), 6);
  EXPECT_NEAR(model.probability({}, 3, 1), 1.0 / 24, 1e-12);
  EXPECT_NEAR(model.probability({}, 2, 1), 1.0 / 9 + 1.0 / 24, 1e-12);
  EXPECT_NEAR(model.probability({}, 0, 1), (3 - 1.0 / 3) / 6 + 1.0 / 24, 1e-12);
  const Ids zero = {3, 0};
  EXPECT_NEAR(model.probability(zero, 1, 2), 0.6 + 1.0 / 30, 1e-12);
  EXPECT_NEAR(model.probability(zero, 2, 2), 0.8 / 3 + 1.0 / 30, 1e-12);
  EXPECT_NEAR(model.probability(zero, 0, 2), 1.0 / 30, 1e-12);
  EXPECT_NEAR(model.probability(zero, 3, 2), 1.0 / 30, 1e-12);
  EXPECT_NEAR(model.probability(Ids{2}, 1, 2), 0.25, 1e-12) << "2 is the last: nothing was seen after it";
  EXPECT_NEAR(model.probability(Ids{3}, 1, 2), 0.25, 1e-12) << "3 was never seen";
  const Ids text = {0, 1, 3};
  EXPECT_NEAR(model.loss(text, 1, 3, 2), -(std::log(0.6 + 1.0 / 30) + std::log(model.probability(Ids{1}, 3, 2))) / 2,
              1e-12);
}

// An independent implementation of the definition, by sets of n-grams.
class Plain {
 public:
  Plain(const Ids& text, Index vocabulary, int order) : vocabulary_(vocabulary), order_(order) {
    for (std::size_t i = 0; i < text.size(); ++i)
      for (std::size_t n = 1; n <= static_cast<std::size_t>(order) && i + n <= text.size(); ++n) {
        const Ids gram(text.begin() + static_cast<Index>(i), text.begin() + static_cast<Index>(i + n));
        ++count_[gram];
        if (i > 0) before_[gram].insert(text[i - 1]);
      }
  }
  double probability(const Ids& before, std::int32_t next, int n) const {
    if (n == 0) return 1 / static_cast<double>(vocabulary_);
    const Ids history(before.end() - (n - 1), before.end());
    double sum = 0, followers = 0, one = 0, two = 0;
    for (const auto& [gram, count] : count_) {
      if (gram.size() != static_cast<std::size_t>(n)) continue;
      const double c = value(gram, n);
      one += c == 1;
      two += c == 2;
      if (c > 0 && std::equal(history.begin(), history.end(), gram.begin())) {
        sum += c;
        ++followers;
      }
    }
    const double d = one > 0 ? one / (one + 2 * two) : 0.5, lower = probability(before, next, n - 1);
    if (sum == 0) return lower;
    Ids whole = history;
    whole.push_back(next);
    return std::max(value(whole, n) - d, 0.0) / sum + d * followers / sum * lower;
  }

 private:
  double value(const Ids& gram, int n) const {
    if (n == order_) return count_.count(gram) ? count_.at(gram) : 0;
    return before_.count(gram) ? static_cast<double>(before_.at(gram).size()) : 0;
  }
  Index vocabulary_;
  int order_;
  std::map<Ids, double> count_;
  std::map<Ids, std::set<std::int32_t>> before_;
};

TEST(NgramModel, IsItsDefinitionAndSumsToOne) {
  Rng rng(5);
  Ids text;
  for (int i = 0; i < 400; ++i)
    text.push_back(i > 2 && rng.below(3) > 0
                       ? (text[static_cast<std::size_t>(i) - 1] + text[static_cast<std::size_t>(i) - 3] + 1) % 4
                       : static_cast<std::int32_t>(rng.below(4)));
  const NgramModel model(text, 6, 5);  // tokens 4 and 5 never occur
  for (int order = 1; order <= 5; ++order) {
    const Plain plain(text, 6, order);
    for (int i = 0; i < 60; ++i) {
      Ids before;
      for (int k = 0; k < 4; ++k) before.push_back(static_cast<std::int32_t>(rng.below(i % 10 == 0 ? 6 : 4)));
      double total = 0;
      for (std::int32_t next = 0; next < 6; ++next) {
        const double p = model.probability(before, next, order);
        EXPECT_GT(p, 0);
        if (i < 25) {
          EXPECT_NEAR(p, plain.probability(before, next, order), 1e-12) << order;
        }
        total += p;
      }
      EXPECT_NEAR(total, 1, 1e-12) << order;
    }
  }
}

TEST(NgramModel, HigherOrdersFindWhatIsThere) {
  // Each token follows from the two before it.
  Ids text = {0, 1};
  for (std::size_t i = 2; i < 3000; ++i) text.push_back((text[i - 1] * 2 + text[i - 2] + 1) % 5);
  Rng rng(1);
  for (std::int32_t& id : text)
    if (rng.below(10) == 0) id = static_cast<std::int32_t>(rng.below(5));
  const NgramModel model(Ids(text.begin(), text.begin() + 2500), 5, 3);
  const double one = model.loss(text, 2500, 3000, 1), three = model.loss(text, 2500, 3000, 3);

  EXPECT_LT(three, one - 0.2);
}

TEST(NgramModel, ObeysTheLimitsOfTokensAndNgrams) {
  Rng rng(2);
  Ids text;
  for (int i = 0; i < 5000; ++i) text.push_back(static_cast<std::int32_t>(rng.below(50)));
  EXPECT_EQ(NgramModel(text, 50, 5, 700).counted_tokens(), 700);
  const NgramModel bounded(text, 50, 5, 1'000'000, 2000);
  EXPECT_LT(bounded.counted_tokens(), 1000);
  EXPECT_GT(bounded.counted_tokens(), 300);
  double total = 0;
  for (std::int32_t next = 0; next < 50; ++next) total += bounded.probability(Ids{1, 2, 3, 4}, next, 5);
  EXPECT_NEAR(total, 1, 1e-12);
}

// These models have counted one token, so their own probability of every token is 1 / V.
TEST(NgramModel, TheCacheFindsRepetitions) {
  // Token 9: 1 2 3 1 occurred once before and another token, 0, followed: (0 + 1/4) / (1 + 1). Token 14: 1 2 3 1 was
  // followed once by 0 and once by 2: (1 + 2/4) / (2 + 2).
  const Ids twice = {1, 2, 3, 1, 0, 1, 2, 3, 1, 2, 1, 2, 3, 1, 0};
  EXPECT_NEAR(NgramModel(Ids{0}, 4, 1).loss_with_cache(twice, 15),
              (13 * std::log(4.0) - std::log(1.0 / 8) - std::log(3.0 / 8)) / 15, 1e-12);
  // The fifth repeated token has a match for k = 4 only, the sixth for k = 4 and 5, and so on. Each match halves 1 - p.
  Ids again;
  for (std::int32_t i = 0; i < 20; ++i) again.push_back(i % 10);
  double sum = 14 * std::log(16.0);
  for (const int lengths : {1, 2, 3, 4, 5, 5}) sum -= std::log(1 - 15.0 / 16 / std::pow(2, lengths));
  EXPECT_NEAR(NgramModel(Ids{0}, 16, 1).loss_with_cache(again, 20), sum / 20, 1e-12);
  // The cache of 256 tokens contains four tokens and their follower if the period is at most 252.
  for (const std::int32_t period : {252, 253}) {
    Ids text;
    for (std::int32_t i = 0; i < 2 * period; ++i) text.push_back(i % period);
    const double loss = NgramModel(Ids{0}, 300, 1).loss_with_cache(text, 2 * period);
    if (period == 252) EXPECT_LT(loss, std::log(300.0) - 0.5);
    else EXPECT_NEAR(loss, std::log(300.0), 1e-12);
  }
}

TEST(NgramModel, TheCacheIsMeasuredOnEvenlySpacedTokens) {
  const NgramModel model(Ids{0, 1, 1, 1}, 2, 1);
  const Ids text = {0, 1, 1, 0, 1, 1};
  EXPECT_NEAR(model.loss_with_cache(text, 2), -std::log(model.probability({}, 0, 1)), 1e-12) << "tokens 0 and 3";
  EXPECT_NEAR(model.loss_with_cache(text, 100), model.loss(text, 0, 6, 1), 1e-12);
  EXPECT_EQ(model.loss_with_cache({}, 5), 0);
}

TEST(NgramModel, RefusesInvalidArguments) {
  EXPECT_TRUE(contains(error_of([] { NgramModel({}, 3, 2); }), "the text is empty"));
  EXPECT_TRUE(contains(error_of([] { NgramModel(Ids{0}, 3, 9); }), "order 9"));
  EXPECT_TRUE(contains(error_of([] { NgramModel(Ids{3}, 3, 2); }), "token 3 is outside 0 to 2"));
  EXPECT_TRUE(contains(error_of([] { NgramModel(Ids{0}, 3, 2).probability({}, 0, 3); }), "order 3"));
  EXPECT_TRUE(contains(error_of([] { NgramModel(Ids{0}, 3, 2).probability({}, -1, 2); }), "token -1 is outside"));
  EXPECT_NEAR(NgramModel(Ids{1}, 2, 5).probability({}, 1, 5), 0.5, 1e-12);
}

}  // namespace
}  // namespace headlight
