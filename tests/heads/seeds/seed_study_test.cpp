// Figures over seeds: intervals, tables, and failed seeds, which are counted and left out.
#include "heads/seeds/seed_study.h"

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
      .set("roles", Json::object().set("previous", Json::object().set("kappa", 0.75).set("queries", 100)))
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
  const JsonView carrier = all.at("carriers").at(Index{0});
  EXPECT_EQ(carrier.at("name").as_string(), "copy, \"it\"");
  EXPECT_EQ(carrier.at("seeds").as_index(), 2);
  EXPECT_EQ(carrier.at("with_role").as_index(), 2);
  EXPECT_NEAR(carrier.at("share").at("mean").as_double(), 0.75, 1e-12);
  EXPECT_TRUE(carrier.at("second_share").json().is_null()) << "the only head";
  EXPECT_FALSE(json.find("onset")) << "nothing was watched";
}

TEST(SeedStudy, HeadsAreComparedWithTheirOwnControls) {
  std::vector<SeedResult> results;
  for (Index i = 1; i <= 8; ++i)
    results.push_back({i, 2, 1.9, "", study(0.3 + 0.05 * static_cast<double>(i), 1, nullptr)});
  results.push_back({9, 9, 1.9, "it did not learn", study(-5, 1, nullptr)});
  // The subspaces of each seed follow its heads, 0.1 below: 0.2 + 0.05 i on average.
  for (SeedResult& r : results) {
    const double low = 0.1 + 0.05 * static_cast<double>(r.seed);
    Json specialization = *r.study.find("specialization");
    specialization.set("random_subspaces", Json::array().push(low).push(low + 0.2));
    r.study.set("specialization", specialization);
  }
  const Json json = summarise(results);
  const JsonView all = JsonView(json, "summary").at("comparisons");
  ASSERT_EQ(all.size(), 5);
  const JsonView subspaces = all.at(Index{0}), untrained = all.at(Index{1}), prunable = all.at(Index{4});
  EXPECT_EQ(subspaces.at("name").as_string(), "specialization index");
  EXPECT_EQ(subspaces.at("less").as_string(), "random subspaces");
  EXPECT_EQ(subspaces.at("seeds").as_index(), 8) << "the failed one is left out";
  EXPECT_NEAR(subspaces.at("difference").at("mean").as_double(), 0.1, 1e-12);
  EXPECT_NEAR(subspaces.at("difference").at("low").as_double(), 0.1, 1e-9);
  EXPECT_EQ(subspaces.at("higher").as_index(), 8);
  EXPECT_EQ(subspaces.at("verdict").as_string(), "higher");
  EXPECT_TRUE(contains(subspaces.at("says").as_string(), "specialization index, heads less random subspaces: 0.100"));
  EXPECT_EQ(untrained.at("less").as_string(), "untrained models");
  EXPECT_NEAR(untrained.at("difference").at("mean").as_double(), 0.525, 1e-12);
  const JsonView dissociations = all.at(Index{2});
  EXPECT_NEAR(dissociations.at("difference").at("mean").as_double(), 1 - 1.1, 1e-12);
  EXPECT_EQ(dissociations.at("verdict").as_string(), "lower");
  EXPECT_EQ(prunable.at("less").as_string(), "random orders");
  EXPECT_NEAR(prunable.at("difference").at("mean").as_double(), 0.25, 1e-12);
  for (const auto& [name, text] : seed_tables(results)) {
    if (name != "comparisons.csv") continue;
    EXPECT_EQ(text.substr(0, text.find('\n')),
              "name,less,seeds,difference,difference_low,difference_high,higher,lower,same,p,verdict");
    EXPECT_TRUE(contains(text, "\nprunable fraction,random orders,8,0.25,0.25,0.25,8,0,0,0.0078")) << text;
  }
  const Json one = summarise(std::vector<SeedResult>{results[0]});
  EXPECT_TRUE(contains(json_text(*one.find("comparisons")), "which proves nothing"));
}

TEST(SeedStudy, TwoSeedsAreOnePairWithoutAnInterval) {
  std::vector<SeedResult> results{three()[0], three()[1]};
  const auto alike = [&] { return *summarise(results).find("stability"); };
  const Json two = alike();
  for (const JsonView& row : JsonView(two, "stability").elements()) {
    EXPECT_TRUE(row.at("value").at("low").json().is_null());
    EXPECT_FALSE(row.at("value").at("mean").json().is_null());
  }
  EXPECT_EQ(JsonView(two, "stability").size(), 4);
  results.push_back({5, 2.1, 1.9, "", study(0.3, 1.5, nullptr)});
  const Json all = alike();
  EXPECT_FALSE(JsonView(all, "stability").at(Index{0}).at("value").at("low").json().is_null());
}

TEST(SeedStudy, ReplicatesWidenIntervals) {
  std::vector<SeedResult> results = three();
  const auto width = [&] {
    const Json json = summarise(results);
    for (const JsonView& f : JsonView(json, "summary").at("summary").elements())
      if (f.at("name").as_string() == "loss")
        return f.at("heads").at("high").as_double() - f.at("heads").at("low").as_double();
    return 0.0;
  };
  const double from_seeds = width();
  EXPECT_NEAR(from_seeds, 0.2, 1e-12) << "2.0 and 2.2";
  for (SeedResult& r : results)
    if (!r.study.is_null()) r.study.set("replicates", Json::object().set("loss", Json::array().push(5.0).push(6.0)));
  EXPECT_NEAR(width(), from_seeds + 1, 1e-12)
      << "half a nat more on both sides; that their mean is 5.5 does not matter";
}

TEST(SeedStudy, IntervalsEndWhereFiguresDo) {
  std::vector<SeedResult> results{three()[0]};
  results[0].study.set("replicates",
                       Json::object().set("specialization", Json::array().push(0.0).push(0.9).push(0.9).push(0.9)));
  const Json json = summarise(results);
  for (const JsonView& f : JsonView(json, "summary").at("summary").elements())
    if (f.at("name").as_string() == "specialization index") {
      EXPECT_EQ(f.at("heads").at("low").as_double(), 0) << "0.2 - 0.675 is none";
      EXPECT_NEAR(f.at("heads").at("high").as_double(), 0.425, 1e-9);
    }
}

TEST(SeedStudy, NothingButFailures) {
  const std::vector<SeedResult> failed{{4, std::nan(""), std::nan(""), "training diverged", {}}};
  EXPECT_TRUE(contains(json_text(summarise(failed)), "1 seed, 1 failed"));
  EXPECT_EQ(seed_tables(failed)[0].second.substr(0, 12), "seed,failed,");
}

TEST(SeedStudy, ResultsReadBack) {
  for (const SeedResult& r : three()) {
    const SeedResult back = seed_result(to_json(r), "seed.json");
    EXPECT_EQ(to_json(back), to_json(r));
  }
  SeedResult watched = three()[0];
  watched.onset = std::vector<Onset>{{"previous in layer 0", true, 10, -1, 0.5}};
  const SeedResult again = seed_result(to_json(watched), "seed.json");
  ASSERT_TRUE(again.onset);
  EXPECT_EQ(to_json(*again.onset), to_json(*watched.onset));
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
