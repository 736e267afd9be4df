// A Profile covers every moment of a training step and attributes it to an operation.
#include "base/profile.h"

#include <gtest/gtest.h>

#include <string>

namespace headlight {
namespace {

TEST(Profile, TakesTheTimeBetweenMarks) {
  EXPECT_EQ(Profile::active(), nullptr);
  mark_time("nobody watches");
  Profile profile;
  EXPECT_EQ(Profile::active(), &profile);
  const LayerScope layer("up");
  profile.mark("linear", LayerScope::current(), Profile::Phase::kForward);
  mark_time("rest");
  ASSERT_EQ(profile.events().size(), 2u);
  const Profile::Event &first = profile.events()[0], &second = profile.events()[1];
  EXPECT_EQ(std::string(first.name), "linear");
  EXPECT_EQ(first.layer->text(), "up");
  EXPECT_EQ(first.phase, Profile::Phase::kForward);
  EXPECT_EQ(std::string(second.name), "rest");
  EXPECT_EQ(second.layer, nullptr);
  EXPECT_EQ(second.phase, Profile::Phase::kOther);
  EXPECT_GE(first.begin, 0);
  EXPECT_GE(first.end, first.begin);
  EXPECT_GE(second.begin, first.end) << "no moment belongs to two operations";
  EXPECT_GE(second.end, second.begin);
}

TEST(Profile, OnlyTheInnermostRecords) {
  Profile outer;
  {
    Profile inner;
    mark_time("a");
    EXPECT_EQ(inner.events().size(), 1u);
  }
  mark_time("b");
  ASSERT_EQ(outer.events().size(), 1u);
  EXPECT_EQ(std::string(outer.events()[0].name), "b");
}

}  // namespace
}  // namespace headlight
