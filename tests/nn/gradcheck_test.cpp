// Tests that gradcheck of a layer reports a wrong parameter gradient and an unregistered layer.
#include "headlight/nn/gradcheck.h"

#include <gtest/gtest.h>

#include <memory>

#include "headlight/nn/dropout.h"
#include "headlight/nn/linear.h"
#include "support/expect_error.h"

namespace headlight::tests {
namespace {

using Inputs = std::span<const Tensor>;

// y = x w^T + b, with one gradient left out.
struct Spoiled : Module {
  Child<Linear> inner{this, "inner", 3, 2};
  bool weight, bias;
  Spoiled(bool drop_weight, bool drop_bias) : weight(drop_weight), bias(drop_bias) {}
  Tensor operator()(const Tensor& x) const {
    const Tensor &w = inner->weight, &b = *inner->bias;
    return linear(x, weight ? w.detach() : w, bias ? b.detach() : b);
  }
};

class ModuleGradcheck : public ::testing::Test {
 protected:
  const DTypeScope doubles_{DType::kFloat64};
  Rng rng_{1};
  std::vector<Tensor> inputs_{Tensor::normal({4, 3}, 0, 1, rng_)};
};

TEST_F(ModuleGradcheck, ALayerThatDetachesAParameterFails) {
  for (const bool weight : {true, false}) {
    const Spoiled layer(weight, !weight);
    const auto f = [&](Inputs in) { return layer(in[0]); };
    EXPECT_TRUE(gradcheck(f, inputs_)) << "the inputs' gradients are right";
    const GradcheckResult r = gradcheck(layer, f, inputs_);
    EXPECT_FALSE(r);
    EXPECT_TRUE(contains(r.message, weight ? "linear: parameter inner.weight [2,3] at (0,0): analytic 0, numeric "
                                           : "linear: parameter inner.bias [2] at (0): analytic 0, numeric "));
    EXPECT_NEAR(r.worst, 1, 1e-6);
  }
}

TEST_F(ModuleGradcheck, ARightLayerPasses) {
  const Spoiled layer(false, false);
  const std::vector<double> before = layer.inner->weight.value().to_vector();
  const GradcheckResult r = gradcheck(
      layer, [&](Inputs in) { return layer(in[0]); }, inputs_);
  EXPECT_TRUE(r) << r.message;
  EXPECT_LT(r.worst, 1e-9);
  // gradcheck leaves the parameters unchanged and without gradients.
  EXPECT_EQ(layer.inner->weight.value().to_vector(), before);
  EXPECT_FALSE(layer.inner->weight.value().grad().defined());
}

TEST_F(ModuleGradcheck, AWrongInputIsNamedAsOne) {
  const Spoiled layer(false, false);
  const GradcheckResult r = gradcheck(
      layer, [&](Inputs in) { return layer(in[0].detach()); }, inputs_);
  EXPECT_TRUE(contains(r.message, "linear: input 0 [4,3] at (0,0): analytic 0, numeric "));
}

struct OnTheHeap : Module {
  std::unique_ptr<Linear> inner = std::make_unique<Linear>(3, 2);
};
struct RawTensor : Module {
  Tensor weight = Tensor::ones({2, 3});
  RawTensor() { weight.set_requires_grad(true); }
};

TEST_F(ModuleGradcheck, WhatIsNotRegisteredFails) {
  const OnTheHeap heap;
  const GradcheckResult layer = gradcheck(
      heap, [&](Inputs in) { return (*heap.inner)(in[0]); }, inputs_);
  EXPECT_TRUE(contains(layer.message,
                       "linear: the function reads a tensor [2,3] that requires a gradient and is neither "
                       "an input nor a registered parameter; declare layers as Child"));
  const RawTensor raw;
  const GradcheckResult tensor = gradcheck(
      raw, [&](Inputs in) { return linear(in[0], raw.weight); }, inputs_);
  EXPECT_FALSE(tensor);
  EXPECT_TRUE(contains(tensor.message, "linear: the function reads a tensor [2,3] "));
}

TEST_F(ModuleGradcheck, AFrozenParameterIsSkipped) {
  Spoiled layer(true, false);
  layer.inner->weight.value().set_requires_grad(false);
  EXPECT_TRUE(gradcheck(
      layer, [&](Inputs in) { return layer(in[0]); }, inputs_));
}

struct Drops : Module {
  Child<Linear> inner{this, "inner", 3, 2};
  Dropout drop{0.5};
  Tensor operator()(const Tensor& x) const { return drop(inner(x)); }
};

TEST_F(ModuleGradcheck, DropoutIsActiveAndTheGeneratorKept) {
  const Drops layer;
  const Rng::State before = generator().state();
  bool dropped = false;
  const GradcheckResult r = gradcheck(
      layer,
      [&](Inputs in) {
        const Tensor y = layer(in[0]);
        for (const double v : y.to_vector()) dropped = dropped || v == 0;
        return y;
      },
      inputs_);
  EXPECT_TRUE(r) << r.message;
  EXPECT_TRUE(dropped);
  EXPECT_EQ(generator().state(), before);
}

TEST_F(ModuleGradcheck, AModuleInFloat32IsAnError) {
  const DTypeScope singles(DType::kFloat32);
  const Linear layer(3, 2);
  EXPECT_TRUE(contains(error_of([&] {
                         gradcheck(
                             layer, [&](Inputs in) { return layer(in[0]); }, inputs_);
                       }),
                       "gradcheck: parameter weight is float32; make the layer under DTypeScope(DType::kFloat64)"));
}

}  // namespace
}  // namespace headlight::tests
