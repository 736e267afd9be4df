// Figures over seeds: intervals, tables, and failed seeds, which are counted and left out.
#include "headlight/heads/seed_study.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/expect_error.h"

namespace headlight {
namespace {

Json rise(double mean) { return Json::object().set("mean", mean).set("low", mean - 0.1).set("high", mean + 0.1); }

// A study with one head, as to_json(HeadStudy) writes it, as far as seeds look at it.
Json study(double specialization, double effect, const char* label) {
  const auto figures = [](double heads, const char* control, double value) {
    return Json::object()
        .set("heads", heads)
        .set(control, Json::array().push(value).push(value + 0.2))
        .set("untrained", Json::array().push(0.0));
  };
  Json dissociations = figures(0, "random_subspaces", 1.0);
  dissociations.set("heads", Json::array().push("one"));
  Json head = Json::object();
  head.set("head", "L0H0")
      .set("label", label ? Json(label) : Json())
      .set("closest_role", "previous")
      .set("verdict", "causal")
      .set("rise", Json::object().set("all", rise(effect)).set("copy, \"it\"", rise(2 * effect)));
  const auto slots = [](const char* name, double without) {
    return Json::object().set("name", name).set("loss", 1.0).set("loss_without_heads", without);
  };
  return Json::object()
      .set("specialization", figures(specialization, "random_subspaces", 0.1))
      .set("double_dissociations", dissociations)
      .set("prunable_fraction", Json::object().set("greedy", 0.5).set("random_orders", Json::array().push(0.25)))
      .set("unlabelled_share", label ? 0.0 : 1.0)
      .set("slots", Json::array().push(slots("all", 1.0)).push(slots("copy, \"it\"", 5.0)))
      .set("heads", Json::array().push(head));
}

std::vector<SeedResult> three() {
  return {{1, 2.0, 1.9, "", study(0.2, 1, "previous")},
          {2, 2.2, 1.9, "", study(0.4, 2, nullptr)},
          {3, 9.0, 1.9, "it did not learn", study(0.9, 0, nullptr)},
          {4, std::nan(""), 1.9, "training diverged", {}}};
}

TEST(SeedStudy, BootstrapOfTheMean) {
  const Interval one = bootstrap_mean(std::vector<double>{3.0});
  EXPECT_EQ(one.low, 3);
  EXPECT_EQ(one.high, 3);
  // Of 0 and 1 a resampled mean is 0, 1/2 or 1, with chances 1/4, 1/2, 1/4.
  const Interval two = bootstrap_mean(std::vector<double>{0, 1});
  EXPECT_EQ(two.mean, 0.5);
  EXPECT_EQ(two.low, 0);
  EXPECT_EQ(two.high, 1);
  // Of many, mean +- 1.96 standard errors: of 0 and 1 in equal shares, 0.5 / sqrt(n).
  std::vector<double> many(400);
  for (std::size_t i = 0; i < many.size(); i += 2) many[i] = 1;
  const Interval wide = bootstrap_mean(many);
  EXPECT_NEAR(wide.low, 0.5 - 1.96 * 0.025, 0.008);
  EXPECT_NEAR(wide.high, 0.5 + 1.96 * 0.025, 0.008);
  EXPECT_TRUE(contains(error_of([] { bootstrap_mean({}); }), "no values"));
}

TEST(SeedStudy, FailedSeedsAreCountedAndLeftOut) {
  const Json json = summarise(three());
  const JsonView all(json, "summary");
  EXPECT_TRUE(contains(all.at("text").as_string(), "4 seeds, 2 failed"));
  EXPECT_EQ(all.at("runs").size(), 4);
  EXPECT_EQ(all.at("runs").at(Index{3}).at("failed").as_string(), "training diverged");
  for (const JsonView& figure : all.at("summary").elements()) {
    if (figure.at("name").as_string() != "specialization index") continue;
    EXPECT_NEAR(figure.at("heads").at("mean").as_double(), 0.3, 1e-12);
    EXPECT_NEAR(figure.at("subspaces").at("mean").as_double(), 0.2, 1e-12);
    EXPECT_NEAR(figure.at("heads").at("high").as_double(), 0.4, 1e-12);
  }
  const JsonView rules = all.at("rules");
  EXPECT_TRUE(rules.at(Index{0}).at("share").json().is_null()) << "nothing at stake";
  EXPECT_NEAR(rules.at(Index{1}).at("strongest").at("mean").as_double(), 3, 1e-12);
  EXPECT_NEAR(rules.at(Index{1}).at("share").at("mean").as_double(), 0.75, 1e-12);
  EXPECT_EQ(json_text(*json.find("labels")), R"([{"label":"previous","seeds":1}])");
}

TEST(SeedStudy, NothingButFailures) {
  const std::vector<SeedResult> failed{{4, std::nan(""), std::nan(""), "training diverged", {}}};
  EXPECT_TRUE(contains(json_text(summarise(failed)), "1 seeds, 1 failed"));
  EXPECT_EQ(seed_tables(failed)[0].second.substr(0, 12), "seed,failed,");
}

TEST(SeedStudy, ResultsReadBack) {
  for (const SeedResult& r : three()) {
    const SeedResult back = seed_result(to_json(r), "seed.json");
    EXPECT_EQ(to_json(back), to_json(r));
  }
  Json broken = to_json(three()[0]);
  broken.set("study", Json());
  EXPECT_TRUE(contains(error_of([&] { seed_result(broken, "seed.json"); }), "seed.json: study: neither a study"));
}

TEST(SeedStudy, TablesAreQuoted) {
  EXPECT_EQ(csv_text({{"a", "b,c"}, {"d\"e", "f\ng"}}), "a,\"b,c\"\n\"d\"\"e\",\"f\ng\"\n");
  for (const auto& [name, text] : seed_tables(three())) {
    if (name != "effects.csv") continue;
    EXPECT_TRUE(contains(text, "2,L0H0,\"copy, \"\"it\"\"\",4.0,3.9,4.1\n")) << text;
  }
}

}  // namespace
}  // namespace headlight
