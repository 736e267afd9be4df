// Onset steps and their order over seeds, from hand-made histories.
#include "heads/seeds/onset.h"

#include <gtest/gtest.h>

namespace headlight {
namespace {

// Two layers of two heads, roles previous and induction, subsets all and copy.
HeadHistory history(const std::vector<std::vector<double>>& previous_then_induction, const std::vector<double>& copy) {
  HeadHistory h;
  h.roles = {"previous", "induction"};
  h.subsets = {"all", "copy"};
  h.floor = {2.0, 0.0};
  h.heads = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  for (std::size_t i = 0; i < copy.size(); ++i) {
    HeadSnapshot s;
    s.step = static_cast<Index>(10 * i);
    s.loss = {2.05, copy[i]};  // "all" never falls
    const double p = previous_then_induction[i][0], q = previous_then_induction[i][1];
    s.kappa = {{0.1, 0}, {p, 0.1}, {0.2, q}, {0.3, 0.05}};
    h.snapshots.push_back(s);
  }
  return h;
}

TEST(Onset, IsTheFirstStepBeyond) {
  const std::vector<Onset> found =
      onsets(history({{0, 0}, {0.3, 0}, {0.45, 0.1}, {0.6, 0.38}, {0.6, 0.9}}, {3.4, 3.0, 1.6, 0.06, 0.01}));
  ASSERT_EQ(found.size(), 3u) << "no onset of previous in layer 1 or of the loss on all";
  EXPECT_EQ(found[0].event, "previous in layer 0");
  EXPECT_EQ(found[0].half, 10);
  EXPECT_EQ(found[0].reached, 20);
  EXPECT_EQ(found[0].last, 0.6);
  EXPECT_EQ(found[1].event, "induction in layer 1");
  EXPECT_EQ(found[1].half, 40);
  EXPECT_EQ(found[1].reached, 40);
  EXPECT_EQ(found[2].event, "loss on copy");
  EXPECT_EQ(found[2].half, 20);
  EXPECT_EQ(found[2].reached, 40);
  EXPECT_FALSE(found[2].is_role());
  EXPECT_TRUE(onsets(history({}, {})).empty());
  const Json json = to_json(found);
  EXPECT_EQ(to_json(onsets_of(JsonView(json, "onset"))), json);
}

TEST(Onset, WithoutAFloorHalfIsMeasuredToTheLastLoss) {
  HeadHistory h = history({{0, 0}, {0, 0}, {0, 0}}, {3.0, 1.9, 1.0});
  h.floor.clear();
  const std::vector<Onset> found = onsets(h);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].half, 10);
  EXPECT_EQ(found[0].reached, -1);
}

TEST(Onset, OverSeeds) {
  std::vector<std::vector<Onset>> seeds;
  for (const Index late : {30, 40, 20, 10, 50})
    seeds.push_back({{"a in layer 1", 1, late, late + 10, 0.9}, {"b in layer 0", 0, 5, 20, 0.5}});
  seeds.push_back({{"loss on d", -1, -1, -1, 3}, {"b in layer 0", 0, 5, -1, 0.5}, {"loss on c", -1, 1, 2, 0}});
  const std::vector<OnsetSummary> all = summarize_onsets(seeds);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[3].event, "loss on d") << "never";
  EXPECT_EQ(all[0].event, "loss on c");
  EXPECT_EQ(all[1].event, "b in layer 0");
  EXPECT_EQ(all[1].seeds, 6);
  EXPECT_EQ(all[1].reached.seeds, 5);
  EXPECT_EQ(all[2].half.median, 30);
  EXPECT_EQ(all[2].half.first, 10);
  EXPECT_EQ(all[2].half.last, 50);

  seeds.erase(seeds.begin());
  EXPECT_EQ(summarize_onsets(seeds)[2].half.median, 20) << "of 10, 20, 40, 50 the lower of the two in the middle";
  seeds.insert(seeds.begin(), {{"a in layer 1", 1, 30, 40, 0.9}, {"b in layer 0", 0, 5, 20, 0.5}});

  const std::vector<OnsetOrder> order = onset_order(seeds);
  ASSERT_EQ(order.size(), 2u) << "one pair, by two criteria; the loss is no role";
  EXPECT_EQ(order[0].a, "b in layer 0");
  EXPECT_FALSE(order[0].by_half);
  EXPECT_EQ(order[0].layer_a, 0);
  EXPECT_EQ(order[0].layer_b, 1);
  EXPECT_EQ(order[0].a_first, 4);
  EXPECT_EQ(order[0].b_first, 0);
  EXPECT_EQ(order[0].same, 1) << "20 and 20";
  EXPECT_NEAR(order[0].p, 2.0 / 16, 1e-12);
  EXPECT_EQ(order[1].a_first, 5);
}

}  // namespace
}  // namespace headlight
