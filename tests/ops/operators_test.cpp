// Tests that operators such as a + b, 2 * a and -a equal the named operations: values, gradients and types.
#include <gtest/gtest.h>

#include <functional>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

using Numbers = std::vector<double>;

// Checks f(a, b) for a = {1, 2, 4} and b = {8} in both types, and the gradients of sum(f).
void expect(const std::function<Tensor(const Tensor&, const Tensor&)>& f, const Numbers& value, const Numbers& of_a,
            double of_b) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    Tensor a = Tensor::of({3}, {1, 2, 4}, dtype), b = Tensor::of({1}, {8}, dtype);
    a.set_requires_grad(true);
    b.set_requires_grad(true);
    Tape tape;
    const Tensor y = f(a, b);
    EXPECT_EQ(y.dtype(), dtype);
    EXPECT_EQ(y.to_vector(), value);
    tape.backward(sum(y));
    EXPECT_EQ(a.grad().to_vector(), of_a);
    EXPECT_EQ(b.grad().defined() ? b.grad().item() : 0, of_b);
  }
}

TEST(Operators, OfTwoTensorsBroadcast) {
  expect([](auto& a, auto& b) { return a + b; }, {9, 10, 12}, {1, 1, 1}, 3);
  expect([](auto& a, auto& b) { return a - b; }, {-7, -6, -4}, {1, 1, 1}, -3);
  expect([](auto& a, auto& b) { return a * b; }, {8, 16, 32}, {8, 8, 8}, 7);
  expect([](auto& a, auto& b) { return a / b; }, {0.125, 0.25, 0.5}, {0.125, 0.125, 0.125}, -0.109375);
  expect([](auto& a, auto& b) { return b / a; }, {8, 4, 2}, {-8, -2, -0.5}, 1.75);
  expect([](auto& a, auto&) { return -a; }, {-1, -2, -4}, {-1, -1, -1}, 0);
}

TEST(Operators, OfATensorAndANumberKeepTheType) {
  expect([](auto& a, auto&) { return a + 1.0; }, {2, 3, 5}, {1, 1, 1}, 0);
  expect([](auto& a, auto&) { return 1 + a; }, {2, 3, 5}, {1, 1, 1}, 0);
  expect([](auto& a, auto&) { return a - 1; }, {0, 1, 3}, {1, 1, 1}, 0);
  expect([](auto& a, auto&) { return 1.0 - a; }, {0, -1, -3}, {-1, -1, -1}, 0);
  expect([](auto& a, auto&) { return a * 2.5f; }, {2.5, 5, 10}, {2.5, 2.5, 2.5}, 0);
  expect([](auto& a, auto&) { return 2 * a; }, {2, 4, 8}, {2, 2, 2}, 0);
  expect([](auto& a, auto&) { return a / 4; }, {0.25, 0.5, 1}, {0.25, 0.25, 0.25}, 0);
  expect([](auto& a, auto&) { return 4 / a; }, {4, 2, 1}, {-4, -1, -0.25}, 0);
  expect([](auto& a, auto& b) { return 2 * a - b / 4 + 1; }, {1, 3, 7}, {2, 2, 2}, -0.75);
}

TEST(Operators, ErrorsNameTheOperation) {
  const Tensor a = Tensor::ones({2, 3}), b = Tensor::ones({4});
  EXPECT_EQ(error_of([&] { a + b; }), error_of([&] { add(a, b); }));
  EXPECT_EQ(error_of([&] { a / b; }).rfind("div: ", 0), 0u);
  EXPECT_EQ(error_of([&] { a* b.to(DType::kFloat64); }).rfind("mul: types differ", 0), 0u);
}

}  // namespace
}  // namespace headlight::tests
