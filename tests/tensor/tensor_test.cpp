// Tests of Tensor: creation, access, copies and aliases, gradient flags and errors.
#include "headlight/tensor/tensor.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <sstream>

#include "headlight/base/error.h"
#include "support/expect_error.h"
#include "tensor/sanitized.h"

namespace headlight {
namespace {

using Numbers = std::vector<double>;

TEST(Tensor, Making) {
  EXPECT_EQ(Tensor::zeros({2, 2}).to_vector(), (Numbers{0, 0, 0, 0}));
  EXPECT_EQ(Tensor::full({3}, -1.5).to_vector(), (Numbers{-1.5, -1.5, -1.5}));
  EXPECT_EQ(Tensor::scalar(4).to_vector(), (Numbers{4}));
  EXPECT_EQ(Tensor::scalar(4).rank(), 0);
  EXPECT_EQ(Tensor::of({1, 3}, {1, 2, 3}).to_vector(), (Numbers{1, 2, 3}));
  EXPECT_EQ(Tensor::empty({5, 0, 2}).numel(), 0);
  EXPECT_EQ(Tensor::of({3}, {0.1, 0.2, 0.3}).at({0}), static_cast<double>(0.1f));
  EXPECT_EQ(Tensor::of({3}, {0.1, 0.2, 0.3}, DType::kFloat64).at({2}), 0.3);
  EXPECT_FALSE(Tensor().defined());
}

TEST(Tensor, MakingAsInNumPy) {
  EXPECT_EQ(Tensor::ones({2, 1}).to_vector(), (Numbers{1, 1}));
  EXPECT_EQ(Tensor::arange(4).to_vector(), (Numbers{0, 1, 2, 3}));
  EXPECT_EQ(Tensor::arange(2, 5).to_vector(), (Numbers{2, 3, 4}));
  EXPECT_EQ(Tensor::arange(1, 0, -0.25).to_vector(), (Numbers{1, 0.75, 0.5, 0.25}));
  EXPECT_EQ(Tensor::arange(2.5).to_vector(), (Numbers{0, 1, 2}));
  EXPECT_EQ(Tensor::arange(5, 2).shape(), (Shape{0}));
  EXPECT_EQ(Tensor::arange(0).shape(), (Shape{0}));
  // Element i is start + i step, not a sum of steps.
  EXPECT_EQ(Tensor::arange(0, 1, 0.1, DType::kFloat64).at({7}), 7 * 0.1);
  EXPECT_EQ(Tensor::arange(3, DType::kFloat64).dtype(), DType::kFloat64);
  EXPECT_EQ(Tensor::eye(2, DType::kFloat64).to_vector(), (Numbers{1, 0, 0, 1}));
  EXPECT_EQ(Tensor::eye(3).at({2, 2}), 1);
  EXPECT_EQ(Tensor::eye(0).shape(), (Shape{0, 0}));
  const Tensor x = Tensor::full({2, 3}, 7, DType::kFloat64);
  for (const Tensor& like : {Tensor::zeros_like(x), Tensor::ones_like(x)}) {
    EXPECT_EQ(like.shape(), x.shape());
    EXPECT_EQ(like.dtype(), DType::kFloat64);
  }
  EXPECT_EQ(Tensor::zeros_like(x).to_vector(), Numbers(6, 0));
  EXPECT_EQ(Tensor::ones_like(x).to_vector(), Numbers(6, 1));
  for (const double step : {0.0, std::nan(""), HUGE_VAL})
    expect_error([&] { Tensor::arange(0, 1, step); }, {"tensor: arange(0, 1, ", "has no end; give finite numbers"});
  expect_error([] { Tensor::arange(HUGE_VAL); }, {"tensor: arange(0, inf, 1) has no end"});
  expect_error([] { Tensor::arange(1e300); }, {"more than 2^40 elements"});
  expect_error([] { Tensor::eye(-1); }, {"size -1"});
}

TEST(Tensor, Printing) {
  std::ostringstream out;
  out << Tensor::arange(3) << " " << Shape{2, 3} << " " << DType::kFloat64 << " " << Tensor();
  EXPECT_EQ(out.str(), "float32 [3] {0, 1, 2} [2,3] float64 undefined tensor");
}

TEST(Tensor, StorageIsAligned) {
  for (const Index n : {0, 1, 17, 1000})
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(Tensor::empty({n}).data<float>()) % 64, 0u) << n;
}

TEST(Tensor, RandomNumbers) {
  Rng rng(3), same(3);
  const Index n = 20000;
  const Tensor normal = Tensor::normal({n}, 5, 2, rng, DType::kFloat64);
  double sum = 0, squares = 0;
  for (const double x : normal.to_vector()) sum += x, squares += (x - 5) * (x - 5);
  EXPECT_NEAR(sum / n, 5, 0.06);
  EXPECT_NEAR(squares / n, 4, 0.2);
  EXPECT_EQ(Tensor::normal({n}, 5, 2, same, DType::kFloat64).to_vector(), normal.to_vector());
  double low = 9, high = 0;
  for (const double x : Tensor::uniform({n}, 2, 3, rng, DType::kFloat64).to_vector())
    low = std::min(low, x), high = std::max(high, x);
  EXPECT_GE(low, 2);
  EXPECT_LT(low, 2.01);
  EXPECT_LT(high, 3);
  EXPECT_GT(high, 2.99);
}

TEST(Tensor, RoleKeys) {
  const Tensor x = Tensor::of({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(x.at({1, 0}), 4);
  EXPECT_EQ(x.at({0, 2}), 3);
  EXPECT_EQ(x.size(-1), 3);
  EXPECT_EQ(x.size(0), 2);
  EXPECT_EQ(x.data<float>()[5], 6.0f);
  EXPECT_EQ(Tensor::full({1, 1}, 7).item(), 7);
  EXPECT_EQ(Tensor::scalar(7, DType::kFloat64).item(), 7);
  EXPECT_EQ(to_text(x), "float32 [2,3] {1, 2, 3, 4, 5, 6}");
  EXPECT_EQ(to_text(Tensor::scalar(0.5, DType::kFloat64)), "float64 [] {0.5}");
  EXPECT_EQ(to_text(Tensor()), "undefined tensor");
  EXPECT_NE(to_text(Tensor::zeros({1000})).find(", ...}"), std::string::npos);
  EXPECT_LT(to_text(Tensor::zeros({1000})).size(), 200u);
}

TEST(Tensor, HandlesAndCopies) {
  Tensor x = Tensor::of({2}, {1, 2});
  x.set_requires_grad(true);
  EXPECT_TRUE(x.unique());
  Tensor handle = x, copy = x.clone(), bare = x.detach(), alias = x.alias({2, 1}), wide = x.to(DType::kFloat64);
  EXPECT_FALSE(x.unique());
  handle.data<float>()[0] = 9;
  EXPECT_EQ(x.at({0}), 9);
  EXPECT_EQ(bare.at({0}), 9);
  EXPECT_EQ(alias.at({0, 0}), 9);
  EXPECT_EQ(copy.at({0}), 1);
  EXPECT_EQ(wide.at({0}), 1);
  EXPECT_EQ(wide.dtype(), DType::kFloat64);
  EXPECT_TRUE(handle.same_storage(x) && bare.same_storage(x) && alias.same_storage(x));
  EXPECT_FALSE(copy.same_storage(x) || wide.same_storage(x));
  EXPECT_FALSE(x.to(DType::kFloat32).same_storage(x));  // a copy, even in the same type
  EXPECT_TRUE(handle.requires_grad());
  for (const Tensor& without : {copy, bare, alias, wide}) EXPECT_FALSE(without.requires_grad());
}

TEST(Tensor, CopyFromAndFill) {
  Tensor x = Tensor::zeros({2}, DType::kFloat64);
  x.copy_from(Tensor::of({2}, {0.5, 3}));
  EXPECT_EQ(x.to_vector(), (Numbers{0.5, 3}));
  x.copy_from(x);
  EXPECT_EQ(x.to_vector(), (Numbers{0.5, 3}));
  x.fill(-2);
  EXPECT_EQ(x.to_vector(), (Numbers{-2, -2}));
  Tensor narrow = Tensor::zeros({2});
  narrow.copy_from(Tensor::of({2}, {1.0 / 3, 2}, DType::kFloat64));
  EXPECT_EQ(narrow.at({0}), static_cast<double>(1.0f / 3.0f));
  Tensor none = Tensor::empty({0});
  none.copy_from(Tensor::empty({0}));
}

TEST(Tensor, DTypeScopeNests) {
  EXPECT_EQ(default_dtype(), DType::kFloat32);
  {
    const DTypeScope doubles(DType::kFloat64);
    EXPECT_EQ(Tensor::zeros({1}).dtype(), DType::kFloat64);
    {
      const DTypeScope floats(DType::kFloat32);
      EXPECT_EQ(Tensor::scalar(1).dtype(), DType::kFloat32);
    }
    EXPECT_EQ(Tensor::of({1}, {1}).dtype(), DType::kFloat64);
  }
  EXPECT_EQ(default_dtype(), DType::kFloat32);
  EXPECT_EQ(to_text(DType::kFloat64), "float64");
  EXPECT_EQ(element_bytes(DType::kFloat32), sizeof(float));
  EXPECT_EQ(element_bytes(DType::kFloat64), sizeof(double));
}

TEST(Tensor, Gradients) {
  Tensor x = Tensor::zeros({2});
  EXPECT_FALSE(x.requires_grad());
  EXPECT_FALSE(x.grad().defined());
  x.zero_grad();  // nothing to do
  x.set_requires_grad(true);
  EXPECT_TRUE(x.requires_grad());
  EXPECT_FALSE(x.grad().defined());
  EXPECT_EQ(x.slot()->tape, 0u);
  EXPECT_EQ(to_text(x.slot()->shape), "[2]");
  x.slot()->grad = Tensor::zeros({2});
  EXPECT_TRUE(x.grad().defined());
  x.zero_grad();
  EXPECT_FALSE(x.grad().defined());
  x.set_requires_grad(false);
  EXPECT_FALSE(x.requires_grad());
}

TEST(Tensor, RequiresGradTwiceKeepsTheGradientAndTheHandles) {
  Tensor x = Tensor::zeros({2});
  x.set_requires_grad(true);
  const Tensor copy = x;
  x.slot()->grad = Tensor::full({2}, 3);
  x.set_requires_grad(true);
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{3, 3}));
  EXPECT_EQ(copy.slot(), x.slot());
}

// As model.parameters() gives them: handles of the same leaf.
TEST(Tensor, RequiresGradOffAndOnHoldsForEveryHandle) {
  Tensor x = Tensor::zeros({2});
  x.set_requires_grad(false);  // nothing to do
  EXPECT_FALSE(x.requires_grad());
  x.set_requires_grad(true);
  Tensor copy = x;
  x.slot()->grad = Tensor::full({2}, 3);
  copy.set_requires_grad(false);
  EXPECT_FALSE(x.requires_grad());
  EXPECT_TRUE(x.grad().defined());
  x.set_requires_grad(true);
  EXPECT_TRUE(copy.requires_grad());
  EXPECT_EQ(copy.grad().to_vector(), (std::vector<double>{3, 3}));
}

TEST(TensorErrors, SayWhatIsWrong) {
  const Tensor x = Tensor::zeros({2, 3});
  expect_error([] { Tensor::of({2, 2}, {1, 2, 3}); }, {"3 values", "[2,2]"});
  expect_error([&] { static_cast<void>(x.data<double>()); }, {"float32 read as float64", "to()"});
  expect_error([] { static_cast<void>(Tensor().data<float>()); }, {"used before it was given a value"});
  expect_error([] { Tensor().clone(); }, {"used before it was given a value"});
  expect_error([&] { static_cast<void>(x.item()); }, {"one element", "[2,3]"});
  expect_error([] { static_cast<void>(Tensor::zeros({0}).item()); }, {"one element", "[0]"});
  expect_error([&] { static_cast<void>(x.at({0})); }, {"1 indices", "[2,3]"});
  expect_error([&] { static_cast<void>(x.at({0, 3})); }, {"index 3", "axis 1", "[2,3]"});
  expect_error([&] { static_cast<void>(x.at({-1, 0})); }, {"index -1", "axis 0", "[2,3]"});
  expect_error([&] { x.alias({4}); }, {"[2,3]", "6 elements", "[4]"});
  expect_error([&] { Tensor::zeros({6}).copy_from(x); }, {"[2,3]", "[6]"});
  expect_error([&] { static_cast<void>(x.size(2)); }, {"axis 2", "[2,3]"});
}

TEST(TensorErrors, MemoryThatIsNotThere) {
  if (tests::kAddressSanitizer) GTEST_SKIP() << "AddressSanitizer needs the address space for itself";
  // A limit, so that the system refuses even where it promises more memory than it has.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  rlimit limited = before;
  limited.rlim_cur = rlim_t{1} << 38;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limited), 0);
  const Index held = pool_stats().bytes_held;
  expect_error([] { Tensor::empty({Index{1} << 40}, DType::kFloat64); }, {"memory", "8796093022208 bytes"});
  EXPECT_EQ(pool_stats().bytes_held, held);
  EXPECT_EQ(setrlimit(RLIMIT_AS, &before), 0);
}

}  // namespace
}  // namespace headlight
