// Tests of the average of weights against values computed by hand.
#include "training/weight_average.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/expect_error.h"

namespace headlight {
namespace {

TEST(WeightAverage, FollowsItsFormula) {
  Tensor w = Tensor::zeros({2});
  WeightAverage average({{"w", w}}, 0.5);
  w.fill(1);
  average.add(0);  // d = min(0.5, 1 / 10)
  const float* value = average.state()[0].value.data<float>();
  EXPECT_FLOAT_EQ(value[0], 0.9f);
  average.add(100);  // d = min(0.5, 101 / 110)
  EXPECT_FLOAT_EQ(value[1], 0.95f);
  EXPECT_EQ(average.state()[0].name, "w");
}

TEST(WeightAverage, AScopeExchangesTheWeights) {
  Tensor w = Tensor::zeros({3});
  const WeightAverage average({{"w", w}}, 0.9);
  w.fill(2);
  {
    const WeightAverage::Scope averaged(average);
    EXPECT_EQ(w.data<float>()[2], 0);
    EXPECT_EQ(average.state()[0].value.data<float>()[2], 2);
  }
  EXPECT_EQ(w.data<float>()[2], 2);
  EXPECT_EQ(average.state()[0].value.data<float>()[2], 0);
}

TEST(WeightAverage, RefusesADecayOutsideZeroToOne) {
  for (const double decay : {-0.1, 1.0, std::nan("")})
    EXPECT_TRUE(contains(error_of([&] { WeightAverage({}, decay); }), "must be from 0 to below 1")) << decay;
}

}  // namespace
}  // namespace headlight
