// Shape: sizes, element counts, errors, and NumPy's broadcasting rules.
#include "headlight/base/shape.h"

#include <gtest/gtest.h>

#include <vector>

#include "headlight/base/error.h"

namespace headlight {
namespace {

TEST(Shape, SizesAndElements) {
  EXPECT_EQ(Shape().rank(), 0);
  EXPECT_EQ(Shape().numel(), 1);
  const Shape s{2, 3, 4, 5};
  EXPECT_EQ(s.rank(), 4);
  EXPECT_EQ(s.numel(), 120);
  EXPECT_EQ(s[0], 2);
  EXPECT_EQ(s[-1], 5);
  EXPECT_EQ(s[-4], 2);
  EXPECT_EQ(s.axis_index(-2), 2);
  EXPECT_EQ(s.outer(2), 6);
  EXPECT_EQ(s.inner(1), 20);
  EXPECT_EQ(s.outer(0), 1);
  EXPECT_EQ(s.inner(-1), 1);
  EXPECT_EQ((Shape{3, 0, 2}).numel(), 0);
  EXPECT_EQ((Shape{3, 0, 2}).inner(1), 2);
}

TEST(Shape, ChangedShapes) {
  const Shape s{2, 3, 4};
  EXPECT_EQ(to_text(s.with(1, 9)), "[2,9,4]");
  EXPECT_EQ(to_text(s.with(-1, 0)), "[2,3,0]");
  EXPECT_EQ(to_text(s.without(0)), "[3,4]");
  EXPECT_EQ(to_text(s.without(-1)), "[2,3]");
  EXPECT_EQ(to_text(Shape{5}.without(0)), "[]");
  EXPECT_EQ(to_text(s), "[2,3,4]");
}

TEST(Shape, Equality) {
  EXPECT_TRUE((Shape{2, 3}) == (Shape{2, 3}));
  EXPECT_FALSE((Shape{2, 3}) == (Shape{3, 2}));
  EXPECT_FALSE((Shape{2}) == (Shape{2, 1}));
  EXPECT_FALSE(Shape() == Shape{1});
  EXPECT_TRUE((Shape{2, 3}.without(1)) == Shape{2});
}

TEST(Shape, RefusesInvalidShapes) {
  EXPECT_THROW((Shape{1, 1, 1, 1, 1}), Error);
  EXPECT_THROW((Shape{2, -1}), Error);
  EXPECT_THROW((Shape{Index{1} << 40, 2}), Error);
  EXPECT_THROW((Shape{Index{1} << 32, Index{1} << 32}), Error);  // the product wraps to 0
  EXPECT_THROW((Shape{0, Index{1} << 62}), Error);
  EXPECT_THROW((Shape{Index{1} << 62, 0}), Error);
  EXPECT_EQ((Shape{Index{1} << 40}).numel(), Index{1} << 40);
  EXPECT_THROW((Shape{2, 3}[2]), Error);
  EXPECT_THROW((Shape{2, 3}[-3]), Error);
  EXPECT_THROW(Shape()[0], Error);
  EXPECT_THROW((Shape{2}.with(0, -2)), Error);
  EXPECT_THROW((Shape{2}.with(1, 2)), Error);
  EXPECT_THROW(Shape().without(0), Error);
}

TEST(Broadcast, FollowsNumPy) {
  struct Row {
    Shape a, b;
    const char* result;  // null: they do not broadcast
  };
  const std::vector<Row> table{
      {{}, {}, "[]"},
      {{}, {3}, "[3]"},
      {{1}, {3}, "[3]"},
      {{3}, {3}, "[3]"},
      {{3}, {2, 3}, "[2,3]"},
      {{2, 1}, {3}, "[2,3]"},
      {{2, 1}, {1, 3}, "[2,3]"},
      {{8, 1, 6, 1}, {7, 1, 5}, "[8,7,6,5]"},
      {{5, 4}, {1}, "[5,4]"},
      {{1, 1, 1, 1}, {}, "[1,1,1,1]"},
      {{0}, {1}, "[0]"},
      {{0}, {}, "[0]"},
      {{2, 0}, {2, 1}, "[2,0]"},
      {{1, 0}, {4, 1}, "[4,0]"},
      {{0}, {0}, "[0]"},
      {{2}, {3}, nullptr},
      {{2, 3}, {2}, nullptr},
      {{2, 1}, {8, 4, 3}, nullptr},
      {{0}, {2}, nullptr},
      {{4, 0}, {3, 0}, nullptr},
  };
  for (const Row& row : table) {
    for (const auto& [a, b] : {std::pair(row.a, row.b), std::pair(row.b, row.a)}) {
      if (row.result) {
        EXPECT_EQ(to_text(broadcast(a, b, "add")), row.result) << to_text(a) << " " << to_text(b);
        continue;
      }
      try {
        broadcast(a, b, "combine");
        ADD_FAILURE() << to_text(a) << " and " << to_text(b) << " do not broadcast";
      } catch (const Error& error) {
        for (const std::string& piece : {std::string("combine: "), to_text(a), to_text(b)})
          EXPECT_NE(std::string(error.what()).find(piece), std::string::npos) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace headlight
