// Rng: exact sequences from the papers' definitions, the distributions, and the generator of each thread.
#include "headlight/base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <thread>

#include "headlight/base/error.h"

namespace headlight {
namespace {

// The sequences below were computed independently of this code, from the papers' definitions.

TEST(Random, Mix64IsSplitMix64) {
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafu);
  EXPECT_EQ(mix64(1234567), 6457827717110365317u);
  EXPECT_EQ(mix64(1234567 + 0x9e3779b97f4a7c15u), 3203168211198807973u);
}

TEST(Random, NextIsXoshiro256PlusPlus) {
  Rng rng;
  rng.set_state({1, 2, 3, 4});
  const std::uint64_t sequence[] = {41943041u,
                                    58720359u,
                                    3588806011781223u,
                                    3591011842654386u,
                                    9228616714210784205u,
                                    9973669472204895162u,
                                    14011001112246962877u,
                                    12406186145184390807u};
  for (const std::uint64_t expected : sequence) EXPECT_EQ(rng.next(), expected);
}

TEST(Random, SeedFillsTheStateBySplitMix64) {
  Rng rng(42);
  EXPECT_EQ(rng.state(),
            (Rng::State{13679457532755275413u, 2949826092126892291u, 5139283748462763858u, 6349198060258255764u}));
  EXPECT_EQ(rng.next(), 15021278609987233951u);
  EXPECT_EQ(rng.next(), 5881210131331364753u);
  Rng again(42);
  EXPECT_EQ(again.uniform(), 0.8143051451229099);
  EXPECT_EQ(again.uniform(), 0.3188210400616611);
  Rng once_more(42);
  EXPECT_NEAR(once_more.normal(), -0.7689930538210061, 1e-14);
}

TEST(Random, CopiesAndStatesContinueTheSequence) {
  Rng rng(9);
  rng.next();
  Rng copy = rng;
  Rng restored;
  restored.set_state(rng.state());
  for (int i = 0; i < 10; ++i) {
    const std::uint64_t value = rng.next();
    EXPECT_EQ(copy.next(), value);
    EXPECT_EQ(restored.next(), value);
  }
}

TEST(Random, SeedsDiffer) {
  EXPECT_NE(Rng(0).next(), Rng(1).next());
  EXPECT_NE(Rng(0).next(), 0u);
}

TEST(Random, UniformFillsTheHalfOpenInterval) {
  Rng rng(1);
  constexpr int kCount = 200000;
  std::array<int, 20> bins{};
  double sum = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = rng.uniform();
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    ++bins[static_cast<std::size_t>(x * 20)];
    sum += x;
  }
  EXPECT_NEAR(sum / kCount, 0.5, 0.004);
  for (const int bin : bins) EXPECT_NEAR(bin, kCount / 20.0, 600);  // six standard deviations
  // The largest possible value: all bits of next() are 1 here.
  Rng top;
  top.set_state({0, 0, 0, ~std::uint64_t{0}});
  EXPECT_EQ(top.uniform(), 1 - 0x1p-53);
}

TEST(Random, BelowIsUniform) {
  Rng rng(2);
  for (const Index n : {1, 2, 3, 7, 10}) {
    std::array<int, 10> counts{};
    constexpr int kCount = 60000;
    for (int i = 0; i < kCount; ++i) {
      const Index x = rng.below(n);
      ASSERT_GE(x, 0);
      ASSERT_LT(x, n);
      ++counts[static_cast<std::size_t>(x)];
    }
    const double share = kCount / static_cast<double>(n);
    for (Index x = 0; x < n; ++x) EXPECT_NEAR(counts[static_cast<std::size_t>(x)], share, 6 * std::sqrt(share)) << n;
  }
}

// With a bound of 3/8 of the range, the remainder of next() would be biased: each value in the lower two thirds would
// occur 3/2 times as often as each value in the upper third.
TEST(Random, BelowOfALargeBoundHasNoBias) {
  Rng rng(3);
  const Index n = Index{3} << 61;
  int low = 0;
  constexpr int kCount = 30000;
  for (int i = 0; i < kCount; ++i) {
    const Index x = rng.below(n);
    ASSERT_GE(x, 0);
    ASSERT_LT(x, n);
    if (x < n / 3 * 2) ++low;
  }
  EXPECT_NEAR(low, kCount / 3.0 * 2, 600);
}

TEST(Random, BelowNothingIsAnError) {
  Rng rng;
  EXPECT_THROW(rng.below(0), Error);
  EXPECT_THROW(rng.below(-5), Error);
}

TEST(Random, NormalHasItsMoments) {
  Rng rng(4);
  constexpr int kCount = 400000;
  std::array<double, 4> moments{};
  int beyond = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = rng.normal();
    ASSERT_TRUE(std::isfinite(x));
    double power = 1;
    for (double& moment : moments) moment += (power *= x);
    if (std::abs(x) > 1.959963985) ++beyond;
  }
  // Six standard deviations of each estimate: sqrt of (1, 2, 15, 96) / count.
  const double unit = 6 / std::sqrt(static_cast<double>(kCount));
  EXPECT_NEAR(moments[0] / kCount, 0, unit);
  EXPECT_NEAR(moments[1] / kCount, 1, unit * std::sqrt(2.0));
  EXPECT_NEAR(moments[2] / kCount, 0, unit * std::sqrt(15.0));
  EXPECT_NEAR(moments[3] / kCount, 3, unit * std::sqrt(96.0));
  EXPECT_NEAR(beyond / static_cast<double>(kCount), 0.05, unit * 0.22);
}

TEST(Random, TheGeneratorIsSeededAndEachThreadHasOne) {
  seed_generator(11);
  const std::uint64_t first = generator().next();
  std::thread([&] {
    seed_generator(12);
    generator().next();
  }).join();
  const std::uint64_t second = generator().next();
  Rng same(11);
  EXPECT_EQ(same.next(), first);
  EXPECT_EQ(same.next(), second);
  seed_generator(11);
  EXPECT_EQ(generator().next(), first);
}

}  // namespace
}  // namespace headlight
