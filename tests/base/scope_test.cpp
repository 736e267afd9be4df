// Scoped: destruction in any order, on another thread, and after the creating thread has ended.
#include "headlight/base/scope.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <thread>

#include "base/profile.h"
#include "headlight/base/error.h"

namespace headlight {
namespace {

using Number = Scoped<int>;
int innermost() { return Number::innermost(0); }

// After each removal, the innermost remaining object is current, in any order of removal.
TEST(Scoped, AnyOrderOfDestruction) {
  std::array<int, 4> order{1, 2, 3, 4};
  do {
    std::array<std::unique_ptr<Number>, 5> living;
    for (int i = 1; i <= 4; ++i) living[static_cast<std::size_t>(i)] = std::make_unique<Number>(i);
    for (const int gone : order) {
      living[static_cast<std::size_t>(gone)].reset();
      int expected = 0;
      for (int i = 1; i <= 4; ++i)
        if (living[static_cast<std::size_t>(i)]) expected = i;
      ASSERT_EQ(innermost(), expected);
      const Number on_top(9);
      ASSERT_EQ(innermost(), 9);
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Scoped, EachTypeAndEachThreadHasItsOwn) {
  const Number one(1);
  const Scoped<double> half(0.5);
  EXPECT_EQ(innermost(), 1);
  EXPECT_EQ(Scoped<double>::innermost(0), 0.5);
  std::thread([] { EXPECT_EQ(innermost(), 0); }).join();
}

TEST(Scoped, OutlivesItsThread) {
  const Number here(1);
  std::unique_ptr<Number> a, b;
  std::thread([&] {
    a = std::make_unique<Number>(2);
    b = std::make_unique<Number>(3);
    EXPECT_FALSE(b->orphaned());
  }).join();
  EXPECT_TRUE(a->orphaned() && b->orphaned());
  a.reset();
  EXPECT_EQ(innermost(), 1);
  b.reset();
  EXPECT_EQ(innermost(), 1);
}

TEST(Scoped, DestroyedOnAnotherThreadWhileItsOwnWaits) {
  const Number here(1);
  auto inner = std::make_unique<Number>(2);
  const Number top(3);
  std::thread([&] { inner.reset(); }).join();
  EXPECT_EQ(innermost(), 3);
  auto last = std::make_unique<Number>(4);
  std::thread([&] { last.reset(); }).join();
  EXPECT_EQ(innermost(), 3);
}

TEST(Scoped, LayersAndProfilesInAnyOrder) {
  auto outer = std::make_unique<LayerScope>("outer");
  auto inner = std::make_unique<LayerScope>("inner");
  outer.reset();
  EXPECT_EQ(LayerScope::path(), "outer.inner");
  inner.reset();
  EXPECT_EQ(LayerScope::path(), "");
  auto first = std::make_unique<Profile>();
  auto second = std::make_unique<Profile>();
  first.reset();
  EXPECT_EQ(Profile::active(), second.get());
  second.reset();
  EXPECT_EQ(Profile::active(), nullptr);
}

}  // namespace
}  // namespace headlight
