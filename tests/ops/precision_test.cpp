// PrecisionScope: which operations round their operands to bfloat16, forward and backward.
#include <gtest/gtest.h>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "kernels/bf16.h"

namespace headlight {
namespace {

Tensor random(const Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  return Tensor::normal(shape, 0, 1, rng);
}

// In float64, with every element rounded to bfloat16.
Tensor rounded(const Tensor& x) {
  Tensor wide = x.to(DType::kFloat64);
  double* p = wide.data<double>();
  for (Index i = 0; i < wide.numel(); ++i)
    p[i] = static_cast<double>(kernels::from_bf16(kernels::to_bf16(static_cast<float>(p[i]))));
  return wide;
}

void expect_close(const Tensor& got, const Tensor& want, const char* what) {
  ASSERT_EQ(got.dtype(), DType::kFloat32);
  const std::vector<double> a = got.to_vector(), b = want.to_vector();
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-5) << what << " [" << i << "]";
}

// Loss sum(y * weights), so that dy = weights.
void check_operation(const char* name, const Tensor& x, const Tensor& w,
                     const std::function<Tensor(const Tensor&, const Tensor&)>& f) {
  Tensor dy;
  const auto gradients = [&](Tensor a, Tensor b, bool backward_inside) {
    a.set_requires_grad(true);
    b.set_requires_grad(true);
    Tape tape;
    Tensor y, loss;
    {
      const PrecisionScope scope(Precision::kBf16);
      y = f(a, b);
      if (!dy.defined()) dy = random(y.shape(), 9);
      loss = sum(mul(y, dy.to(y.dtype())));
      if (backward_inside) tape.backward(loss);
    }
    if (!backward_inside) tape.backward(loss);
    return std::vector<Tensor>{y.detach(), a.grad(), b.grad()};
  };
  const std::vector<Tensor> inside = gradients(x.clone(), w.clone(), true);
  const std::vector<Tensor> outside = gradients(x.clone(), w.clone(), false);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(inside[i].to_vector(), outside[i].to_vector()) << name << " " << i;
  // float64 is not affected by the scope. The gradient rounds dy, the forward pass does not.
  const std::vector<Tensor> wide = gradients(rounded(x), rounded(w), true);
  dy = rounded(dy).to(DType::kFloat32);
  const std::vector<Tensor> backward = gradients(rounded(x), rounded(w), true);
  expect_close(inside[0], wide[0], name);
  expect_close(inside[1], backward[1], name);
  expect_close(inside[2], backward[2], name);
  // Rounding is visible: without it, the results differ by more than the tolerance above.
  const std::vector<Tensor> exact = gradients(x.to(DType::kFloat64), w.to(DType::kFloat64), true);
  double largest = 0;
  for (Index i = 0; i < exact[0].numel(); ++i)
    largest = std::max(largest, std::abs(exact[0].to_vector()[static_cast<std::size_t>(i)] -
                                         inside[0].to_vector()[static_cast<std::size_t>(i)]));
  EXPECT_GT(largest, 1e-3) << name;
}

TEST(PrecisionScope, RoundsTheOperandsOfProducts) {
  check_operation("matmul", random({3, 5, 9}, 1), random({9, 7}, 2),
                  [](const Tensor& a, const Tensor& b) { return matmul(a, b); });
  check_operation("matmul batched", random({3, 9, 5}, 1), random({3, 7, 9}, 2), [](const Tensor& a, const Tensor& b) {
    return matmul(a, b, {.transpose_a = true, .transpose_b = true});
  });
  check_operation("linear", random({4, 9}, 1), random({6, 9}, 2),
                  [](const Tensor& a, const Tensor& b) { return linear(a, b); });
  check_operation("conv1d", random({2, 8, 4}, 1), random({3, 12}, 2),
                  [](const Tensor& a, const Tensor& b) { return conv1d(a, b, {}, {}); });
}

TEST(PrecisionScope, BiasAndAddendAreNotRounded) {
  const Tensor x = Tensor::zeros({2, 4}), w = Tensor::zeros({3, 4}), bias = random({3}, 1), addend = random({2, 3}, 2);
  const PrecisionScope scope(Precision::kBf16);
  EXPECT_EQ(linear(x, w, bias, addend).to_vector(), add(addend, bias).to_vector());
}

TEST(PrecisionScope, EndsWithTheObject) {
  EXPECT_EQ(default_precision(), Precision::kFloat32);
  {
    const PrecisionScope outer(Precision::kBf16);
    const PrecisionScope inner(Precision::kFloat32);
    EXPECT_EQ(default_precision(), Precision::kFloat32);
  }
  EXPECT_EQ(default_precision(), Precision::kFloat32);
}

}  // namespace
}  // namespace headlight
