// Tests of rule_loss_lines(), which test_cli cannot call: the rules in its lines, and their order.
#include <gtest/gtest.h>

#include <limits>

#include "cli/cli.h"

namespace headlight::cli {
namespace {

// A record whose rules "a", "b", ... have these losses, the same number of predictions, and the floor 0.
StepRecord record_of(const std::vector<double>& losses) {
  StepRecord record;
  for (std::size_t i = 0; i < losses.size(); ++i)
    record.rules.push_back(
        {.rule = std::string(1, static_cast<char>('a' + i)), .predictions = 10, .loss = losses[i], .floor = 0});
  return record;
}

TEST(RuleLossLines, KeepTheOrderOfTheRules) {
  EXPECT_EQ(rule_loss_lines(record_of({1, 3, 2})), "rules     a 1.00  b 3.00  c 2.00\n");
  // Of more than eight rules, the five with the largest excess; a later validation may rank them differently.
  EXPECT_EQ(rule_loss_lines(record_of({1, 9, 2, 8, 3, 7, 4, 6, 5, 0})),
            "rules     b 9.00  d 8.00  f 7.00  h 6.00  i 5.00\n");
  EXPECT_EQ(rule_loss_lines(record_of({1, 5, 2, 6, 3, 7, 4, 8, 9, 0})),
            "rules     b 5.00  d 6.00  f 7.00  h 8.00  i 9.00\n");
  // Equal excess: the first rules. NaN counts as the largest.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(rule_loss_lines(record_of({2, 2, 2, 2, 2, 2, 2, 2, 2, 9})),
            "rules     a 2.00  b 2.00  c 2.00  d 2.00  j 9.00\n");
  EXPECT_EQ(rule_loss_lines(record_of({1, 1, 1, nan, 5, 6, 7, 8, 9, 2})),
            "rules     d nan  f 6.00  g 7.00  h 8.00  i 9.00\n");
}

}  // namespace
}  // namespace headlight::cli
