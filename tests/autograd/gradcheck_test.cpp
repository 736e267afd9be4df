// Tests that gradcheck reports wrong gradients. The tests of every operation depend on gradcheck.
#include "headlight/autograd/gradcheck.h"

#include <gtest/gtest.h>

#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

using Inputs = std::span<const Tensor>;

Tensor numbers(const Shape& shape, std::uint64_t seed = 1) {
  Rng rng(seed);
  return Tensor::uniform(shape, 0.5, 1.5, rng, DType::kFloat64);
}

// x y. Its gradient with respect to y is missing, or wrong by a factor at one place.
Differentiable spoiled(double factor, Index place, bool missing = false) {
  return [=](Inputs in) {
    Tensor z = mul(in[0].detach(), in[1].detach());
    record("spoiled", z, {in[0], in[1]},
           [=, x = in[0].detach(), y = in[1].detach()](const Tensor& dz, const Gradients& d) {
             d[0].add(mul(dz, y));
             if (missing) return;
             Tensor dy = mul(dz, x);
             dy.data<double>()[place] *= factor;
             d[1].add(dy);
           });
    return z;
  };
}

TEST(Gradcheck, PassesWhatIsRight) {
  const GradcheckResult result = gradcheck(spoiled(1, 0), {numbers({2, 3}), numbers({2, 3}, 2)});
  EXPECT_TRUE(result) << result.message;
  EXPECT_TRUE(result.message.empty());
  EXPECT_LT(result.worst, 1e-9);
}

TEST(Gradcheck, NamesOperationInputIndexAndBothValues) {
  // The gradient of element (1,2) of input 1 is doubled. Every element has a weight in the random direction.
  const GradcheckResult result = gradcheck(spoiled(2, 5), {numbers({2, 3}), numbers({2, 3}, 2)});
  EXPECT_FALSE(result);
  EXPECT_NEAR(result.worst, 0.5, 1e-6);
  EXPECT_EQ(result.message.find("spoiled: input 1 [2,3] at (1,2): analytic "), 0u) << result.message;
  double analytic = 0, numeric = 0;
  ASSERT_EQ(std::sscanf(result.message.c_str() + result.message.find("analytic"), "analytic %lf, numeric %lf",
                        &analytic, &numeric),
            2)
      << result.message;
  EXPECT_NEAR(analytic, 2 * numeric, 1e-4);
  EXPECT_GT(std::abs(numeric), 0.2);
}

TEST(Gradcheck, SeesASmallError) {
  EXPECT_FALSE(gradcheck(spoiled(1 + 1e-5, 3), {numbers({2, 3}), numbers({2, 3}, 2)}));
  GradcheckOptions wide;
  wide.tolerance = 1e-4;
  EXPECT_TRUE(gradcheck(spoiled(1 + 1e-5, 3), {numbers({2, 3}), numbers({2, 3}, 2)}, wide));
}

TEST(Gradcheck, SeesAMissingGradient) {
  const GradcheckResult result = gradcheck(spoiled(1, 0, true), {numbers({2}), numbers({2}, 2)});
  EXPECT_FALSE(result);
  EXPECT_NE(result.message.find("spoiled: input 1 [2] at (0): analytic 0, numeric "), std::string::npos)
      << result.message;
  // The operation is not recorded at all.
  EXPECT_FALSE(gradcheck([](Inputs in) { return exp(in[0].detach()); }, {numbers({2})}));
}

TEST(Gradcheck, SeesANaN) {
  const GradcheckResult result = gradcheck(spoiled(std::nan(""), 1), {numbers({2}), numbers({2}, 2)});
  EXPECT_FALSE(result);
  EXPECT_NE(result.message.find("analytic nan"), std::string::npos) << result.message;
}

TEST(Gradcheck, ComparesTinyGradientsAbsolutely) {
  EXPECT_TRUE(gradcheck([](Inputs in) { return scale(in[0], 1e-9); }, {numbers({3})}));
  EXPECT_TRUE(gradcheck([](Inputs in) { return sub(in[0], in[0]); }, {numbers({3})}));
}

TEST(Gradcheck, TakesScalarsAndEmptyTensors) {
  EXPECT_TRUE(gradcheck([](Inputs in) { return exp(in[0]); }, {numbers({})}));
  EXPECT_TRUE(gradcheck([](Inputs in) { return exp(in[0]); }, {numbers({0, 2})}));
}

TEST(Gradcheck, LeavesInputsAndTapesAlone) {
  Tensor x = numbers({3});
  const auto before = x.to_vector();
  Tape tape;
  EXPECT_TRUE(gradcheck([](Inputs in) { return mul(in[0], in[0]); }, {x}));
  EXPECT_EQ(x.to_vector(), before);
  EXPECT_FALSE(x.requires_grad());
  EXPECT_EQ(tape.size(), 0);
}

TEST(Gradcheck, RefusesFloat32) {
  expect_error([] { gradcheck([](Inputs in) { return exp(in[0]); }, {Tensor::zeros({2}, DType::kFloat32)}); },
               {"gradcheck: input 0 is float32"});
  expect_error([] { gradcheck([](Inputs in) { return exp(in[0].to(DType::kFloat32)); }, {numbers({2})}); },
               {"gradcheck: function: the result is float32"});
}

TEST(Gradcheck, RefusesAFunctionThatChangesItsInputs) {
  expect_error(
      [] {
        gradcheck(
            [](Inputs in) {
              Tensor x = in[1];
              x.data<double>()[0] += 1;
              return add(in[0], x);
            },
            {numbers({2}), numbers({2})});
      },
      {"gradcheck: add: the function changes its input 1"});
}

}  // namespace
}  // namespace headlight
