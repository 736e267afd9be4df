// Tests of Schedule: the learning rate at each step, and errors.
#include <gtest/gtest.h>

#include <cmath>

#include "headlight/optim/schedule.h"

namespace headlight {
namespace {

constexpr Decay kDecays[] = {Decay::kCosine, Decay::kLinear, Decay::kConstant};

TEST(Schedule, WarmsUpInAStraightLine) {
  for (const Decay decay : kDecays) {
    const Schedule s{.peak = 1, .lowest = 0.1, .warmup = 4, .steps = 12, .decay = decay};
    for (Index step = 0; step < 4; ++step) EXPECT_DOUBLE_EQ(s.at(step), 0.2 * static_cast<double>(step + 1));
    EXPECT_DOUBLE_EQ(s.at(4), 1);
  }
}

TEST(Schedule, CosineFallsByHalfAWave) {
  const Schedule s{.peak = 1, .lowest = 0.2, .warmup = 4, .steps = 16, .decay = Decay::kCosine};
  EXPECT_NEAR(s.at(6), 0.2 + 0.8 * (1 + std::sqrt(3.0) / 2) / 2, 1e-15);  // a sixth of the way: cos 30 degrees
  EXPECT_NEAR(s.at(8), 0.2 + 0.8 * 0.75, 1e-15);                          // a third: cos 60 degrees
  EXPECT_NEAR(s.at(10), 0.6, 1e-15);                                      // half
  EXPECT_NEAR(s.at(12), 0.2 + 0.8 * 0.25, 1e-15);
  EXPECT_DOUBLE_EQ(s.at(16), 0.2);
  EXPECT_DOUBLE_EQ(s.at(1000), 0.2);
}

TEST(Schedule, LinearFallsInAStraightLine) {
  const Schedule s{.peak = 1, .lowest = 0, .warmup = 0, .steps = 10, .decay = Decay::kLinear};
  for (Index step = 0; step <= 10; ++step) EXPECT_NEAR(s.at(step), 1 - 0.1 * static_cast<double>(step), 1e-15);
  EXPECT_DOUBLE_EQ(s.at(11), 0);
}

TEST(Schedule, ConstantStaysAtThePeak) {
  const Schedule s{.peak = 0.3, .lowest = 0.1, .warmup = 2, .steps = 5, .decay = Decay::kConstant};
  for (Index step = 2; step < 12; ++step) EXPECT_EQ(s.at(step), 0.3);
}

// For all lengths, the rate stays within its bounds, and nothing is divided by 0.
TEST(Schedule, EndsAreMetForEveryLength) {
  for (const Decay decay : kDecays)
    for (const Index warmup : {0, 1, 5, 9})
      for (const Index steps : {1, 5, 6, 9}) {
        const Schedule s{.peak = 1, .lowest = 0.1, .warmup = warmup, .steps = steps, .decay = decay};
        double before = 2;
        for (Index step = 0; step < 20; ++step) {
          const double rate = s.at(step);
          EXPECT_TRUE(rate >= 0.1 && rate <= 1) << rate;
          if (step == warmup && step < steps) {
            EXPECT_EQ(rate, 1);
          }
          if (step > warmup) {
            EXPECT_LE(rate, before);
          }
          before = rate;
        }
        EXPECT_EQ(s.at(20), decay == Decay::kConstant ? 1 : 0.1);
      }
}

}  // namespace
}  // namespace headlight
