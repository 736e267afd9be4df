// Tests of the layer Conv1d: shapes, initial values, roles, and gradients with gradcheck.
#include <gtest/gtest.h>

#include <cmath>

#include "headlight/nn/conv1d.h"
#include "nn/layers.h"
#include "support/expect_error.h"

namespace headlight::tests {
namespace {

TEST(Conv1dLayer, IsTheOperationOnItsParameters) {
  Conv1d layer(4, 6, 3, {.dilation = 2, .groups = 2});
  randomize(layer, 1);
  EXPECT_EQ(walk_text(layer), "weight [6,6], bias [6]");
  const Tensor x = random_tensor({2, 7, 4}, 2);
  EXPECT_TRUE(same_bits(layer(x), conv1d(x, layer.weight, layer.bias->value(), {.dilation = 2, .groups = 2})));
  EXPECT_EQ(walk_text(Conv1d(4, 6, 3, {}, {.bias = false})), "weight [6,12]");
}

TEST(Conv1dLayer, GradientsOfInputAndParameters) {
  const DTypeScope doubles(DType::kFloat64);
  Conv1d layer(4, 6, 2, {.dilation = 3, .groups = 2});
  randomize(layer, 3);
  EXPECT_TRUE(gradients_are_right(layer, [&](std::span<const Tensor> in) { return layer(in[0]); },
                                  {random_tensor({2, 5, 4}, 4, DType::kFloat64)}));
}

TEST(Conv1dLayer, InitialValuesFollowTheNumberOfInputs) {
  seed_generator(1);
  const Conv1d layer(32, 64, 3, {.groups = 2}, {.stacked = 2});
  double largest = 0;
  for (const double v : layer.weight.value().to_vector()) largest = std::max(largest, std::abs(v));
  const double bound = 1 / std::sqrt(3.0 * 16);
  EXPECT_LE(largest, bound);
  EXPECT_GT(largest, 0.98 * bound);
  const std::vector<NamedTensor> parameters = layer.parameters();
  EXPECT_EQ(parameters[0].role, ParamRole::kMatrix);
  EXPECT_EQ(parameters[0].stacked, 2);
}

TEST(Conv1dLayer, RefusesImpossibleSizes) {
  EXPECT_TRUE(contains(error_of([] { Conv1d(4, 4, 0); }), "conv1d: a kernel of 0 taps"));
  EXPECT_TRUE(contains(error_of([] { Conv1d(4, 6, 2, {.groups = 4}); }), "conv1d: 4 groups do not divide 4 and 6"));
  EXPECT_TRUE(contains(error_of([] { Conv1d(4, 6, 2, {.groups = 0}); }), "conv1d: 0 groups"));
}

}  // namespace
}  // namespace headlight::tests
