// The summary over seeds: intervals, comparisons, tables, and the exclusion of failed seeds.
#include "heads/seeds/seed_summary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/expect_error.h"

namespace headlight {
namespace {

Json increase(double mean) { return Json::object().set("mean", mean).set("low", mean - 0.1).set("high", mean + 0.1); }

// A study with one head in the form of to_json(HeadStudy), with the members that seed_figures() reads.
Json study(double specialization, double effect, const char* label) {
  const auto figures = [](double heads, const char* baseline, double value) {
    return Json::object()
        .set("heads", heads)
        .set(baseline, Json::array().push(value).push(value + 0.2))
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
      .set("rise", Json::object().set("all", increase(effect)).set("copy, \"it\"", increase(2 * effect)));
  const auto subset = [](const char* name, double without) {
    return Json::object().set("name", name).set("loss", 1.0).set("loss_without_heads", without);
  };
  return Json::object()
      .set("specialization", figures(specialization, "random_subspaces", 0.1))
      .set("double_dissociations", dissociations)
      .set("prunable_fraction", Json::object().set("greedy", 0.5).set("random_orders", Json::array().push(0.25)))
      .set("unlabelled_share", label ? 0.0 : 1.0)
      .set("slots", Json::array().push(subset("all", 1.0)).push(subset("copy, \"it\"", 5.0)))
      .set("heads", Json::array().push(head));
}

SeedResult result(Index seed, double loss, double floor, const std::string& failed, const Json& study) {
  SeedResult r{seed, loss, floor, failed, {}, {}};
  if (!study.is_null()) r.figures = seed_figures(JsonView(study, "study"));
  return r;
}

std::vector<SeedResult> three() {
  return {result(1, 2.0, 1.9, "", study(0.2, 1, "previous")), result(2, 2.2, 1.9, "", study(0.4, 2, nullptr)),
          result(3, 9.0, 1.9, "it did not learn", study(0.9, 0, nullptr)),
          result(4, std::nan(""), 1.9, "training diverged", {})};
}

Json summary_json(std::span<const SeedResult> results) { return to_json(summarize(results)); }
std::vector<std::pair<std::string, std::string>> tables_of(std::span<const SeedResult> results) {
  return seed_tables(results, summarize(results));
}

TEST(SeedSummary, FailedSeedsAreCountedAndLeftOut) {
  const Json json = summary_json(three());
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

TEST(SeedSummary, HeadsAreComparedWithTheirOwnControls) {
  std::vector<SeedResult> results;
  for (Index i = 1; i <= 8; ++i)
    results.push_back(result(i, 2, 1.9, "", study(0.3 + 0.05 * static_cast<double>(i), 1, nullptr)));
  results.push_back(result(9, 9, 1.9, "it did not learn", study(-5, 1, nullptr)));
  // The subspaces of each seed follow its heads, 0.1 below: 0.2 + 0.05 i on average.
  for (SeedResult& r : results) {
    const double low = 0.1 + 0.05 * static_cast<double>(r.seed);
    r.figures->specialization_subspaces = {low, low + 0.2};
  }
  const Json json = summary_json(results);
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
  EXPECT_TRUE(contains(subspaces.at("says").as_string(), "specialization index, heads minus random subspaces: 0.100"));
  EXPECT_EQ(untrained.at("less").as_string(), "untrained models");
  EXPECT_NEAR(untrained.at("difference").at("mean").as_double(), 0.525, 1e-12);
  const JsonView dissociations = all.at(Index{2});
  EXPECT_NEAR(dissociations.at("difference").at("mean").as_double(), 1 - 1.1, 1e-12);
  EXPECT_EQ(dissociations.at("verdict").as_string(), "lower");
  EXPECT_EQ(prunable.at("less").as_string(), "random orders");
  EXPECT_NEAR(prunable.at("difference").at("mean").as_double(), 0.25, 1e-12);
  for (const auto& [name, text] : tables_of(results)) {
    if (name != "comparisons.csv") continue;
    EXPECT_EQ(text.substr(0, text.find('\n')),
              "name,less,seeds,difference,difference_low,difference_high,higher,lower,same,p,verdict");
    EXPECT_TRUE(contains(text, "\nprunable fraction,random orders,8,0.25,0.25,0.25,8,0,0,0.0078")) << text;
  }
  const Json one = summary_json(std::vector<SeedResult>{results[0]});
  EXPECT_TRUE(contains(json_text(*one.find("comparisons")), "which is no evidence"));
}

TEST(SeedSummary, OnATextWithExpertsTheIndexIsOverSources) {
  const auto with_experts = [](double index) {
    Json json = study(0, 1, "previous");
    const Json replicates = Json::object().set("specialization", Json::array().push(0.0).push(0.0));
    json.set("experts", Json::object()
                            .set("experts_with_one_head", 4)
                            .set("specialization", Json::object()
                                                       .set("heads", index)
                                                       .set("random_subspaces", Json::array().push(0.02).push(0.04))
                                                       .set("untrained", Json::array().push(0.0))));
    return json.set("replicates", replicates);
  };
  const std::vector<SeedResult> results{result(1, 1.2, 1.1, "", with_experts(0.8)),
                                        result(2, 1.2, 1.1, "", with_experts(0.9))};
  const SeedSummary all = summarize(results);
  EXPECT_TRUE(contains(all.text, "The specialization index is that over sources"));
  double index = 0, low = 0, sources = 0;
  for (const FigureSummary& f : all.figures) {
    EXPECT_NE(f.name, "double dissociations") << "all predictions have one rule";
    if (f.name == "sources with one head") sources = f.heads->mean;
    if (f.name != "specialization index") continue;
    index = f.heads->mean, low = f.heads->low;
    EXPECT_NEAR(f.subspaces->mean, 0.03, 1e-12);
  }
  EXPECT_NEAR(index, 0.85, 1e-12);
  EXPECT_NEAR(low, 0.8, 1e-12) << "the replicates of the rules' index do not count";
  EXPECT_EQ(sources, 4);
  EXPECT_EQ(all.comparisons[0].name, "specialization index");
  EXPECT_NEAR(all.comparisons[0].comparison.difference.mean, 0.82, 1e-12);
  for (const BaselineSummary& b : all.comparisons) EXPECT_NE(b.name, "double dissociations");
}

TEST(SeedSummary, GroupsAreComparedWithRandomSets) {
  const auto with_groups = [](double together, double random) {
    const auto group = [](const char* role, Index heads, double rise, double by_chance, bool causal) {
      Json names = Json::array();
      for (Index h = 0; h < heads; ++h) names.push(cat("L0H", h));
      return Json::object()
          .set("role", role)
          .set("heads", names)
          .set("causal", causal)
          .set("rise", Json::object().set("all", increase(rise)))
          .set("alone", 0.125)
          .set("random_sets", Json::array().push(by_chance - 0.1).push(by_chance + 0.1));
    };
    Json json = study(0.2, 1, "previous");
    return json.set("causal_share", 0.5)
        .set("causal_group_share", 0.75)
        .set("groups", Json::array()
                           .push(group("first", 1, 9, 9, false))
                           .push(group("this word", 3, together, random, together > 1)));
  };
  const std::vector<SeedResult> results{result(1, 2, 1.9, "", with_groups(0.5, 0.2)),
                                        result(2, 2, 1.9, "", with_groups(1.5, 0.4)),
                                        result(3, 2, 1.9, "", study(0.2, 1, nullptr))};
  const SeedSummary all = summarize(results);
  ASSERT_EQ(all.groups.size(), 2u);
  const GroupSummary& word = all.groups[1];
  EXPECT_EQ(word.role, "this word");
  EXPECT_EQ(word.seeds, 2);
  EXPECT_EQ(word.causal, 1);
  EXPECT_EQ(word.heads, 3);
  EXPECT_NEAR(word.increase->mean, 1, 1e-12);
  EXPECT_NEAR(word.alone->mean, 0.125, 1e-12);
  EXPECT_NEAR(word.random->mean, 0.3, 1e-12);
  const auto compared = std::find_if(all.comparisons.begin(), all.comparisons.end(),
                                     [](const auto& b) { return b.baseline == "random sets of heads"; });
  ASSERT_NE(compared, all.comparisons.end());
  EXPECT_EQ(compared->comparison.differences.size(), 2u) << "the third file has no groups";
  EXPECT_NEAR(compared->comparison.difference.mean, 0.7, 1e-12) << "groups of one head do not count";
  const Json json = to_json(all);
  EXPECT_EQ(JsonView(json, "summary").at("groups").at(Index{1}).at("causal").as_index(), 1);
  for (const auto& [name, text] : tables_of(results)) {
    if (name != "groups.csv") continue;
    EXPECT_TRUE(contains(text, "\nthis word,2,1,3.0,1.0,0.5,1.5,0.125,")) << text;
  }
}

TEST(SeedSummary, TwoSeedsAreOnePairWithoutAnInterval) {
  std::vector<SeedResult> results{three()[0], three()[1]};
  const auto alike = [&] { return *summary_json(results).find("stability"); };
  const Json two = alike();
  for (const JsonView& row : JsonView(two, "stability").elements()) {
    EXPECT_TRUE(row.at("value").at("low").json().is_null());
    EXPECT_FALSE(row.at("value").at("mean").json().is_null());
  }
  EXPECT_EQ(JsonView(two, "stability").size(), 4);
  results.push_back(result(5, 2.1, 1.9, "", study(0.3, 1.5, nullptr)));
  const Json all = alike();
  EXPECT_FALSE(JsonView(all, "stability").at(Index{0}).at("value").at("low").json().is_null());
}

TEST(SeedSummary, ReplicatesWidenIntervals) {
  std::vector<SeedResult> results = three();
  const auto width = [&] {
    const Json json = summary_json(results);
    for (const JsonView& f : JsonView(json, "summary").at("summary").elements())
      if (f.at("name").as_string() == "loss")
        return f.at("heads").at("high").as_double() - f.at("heads").at("low").as_double();
    return 0.0;
  };
  const double from_seeds = width();
  EXPECT_NEAR(from_seeds, 0.2, 1e-12) << "2.0 and 2.2";
  for (SeedResult& r : results)
    if (r.figures) r.figures->loss_replicates = {5, 6};
  EXPECT_NEAR(width(), from_seeds + 1, 1e-12)
      << "half a nat more on both sides; that their mean is 5.5 does not matter";
}

TEST(SeedSummary, IntervalsEndWhereFiguresDo) {
  std::vector<SeedResult> results{three()[0]};
  results[0].figures->specialization_replicates = {0, 0.9, 0.9, 0.9};
  const Json json = summary_json(results);
  for (const JsonView& f : JsonView(json, "summary").at("summary").elements())
    if (f.at("name").as_string() == "specialization index") {
      EXPECT_EQ(f.at("heads").at("low").as_double(), 0) << "0.2 - 0.675 is below 0, the lowest index";
      EXPECT_NEAR(f.at("heads").at("high").as_double(), 0.425, 1e-9);
    }
}

TEST(SeedSummary, NothingButFailures) {
  const std::vector<SeedResult> failed{result(4, std::nan(""), std::nan(""), "training diverged", {})};
  EXPECT_TRUE(contains(json_text(summary_json(failed)), "1 seed, 1 failed"));
  EXPECT_EQ(tables_of(failed)[0].second.substr(0, 12), "seed,failed,");
}

// The file of a seed with this study, as seed_json() writes it.
Json file_of(const SeedResult& r, const Json& study) {
  Json json = seed_json(r, nullptr);
  json.set("study", study);
  return json;
}

TEST(SeedSummary, ResultsReadBack) {
  const Json whole = study(0.2, 1, "previous");
  const SeedResult back = seed_result(file_of(three()[0], whole), "seed.json");
  EXPECT_EQ(back.seed, 1);
  EXPECT_EQ(back.loss, 2.0);
  EXPECT_EQ(back.floor, 1.9);
  EXPECT_TRUE(back.counts());
  EXPECT_EQ(to_json(summarize(std::vector{back})), to_json(summarize(std::vector{three()[0]})));
  const SeedResult diverged = seed_result(seed_json(three()[3], nullptr), "seed.json");
  EXPECT_TRUE(std::isnan(diverged.loss));
  EXPECT_EQ(diverged.failed, "training diverged");
  EXPECT_FALSE(diverged.figures);
  SeedResult watched = three()[0];
  watched.onset = std::vector<Onset>{{"previous in layer 0", 0, 10, -1, 0.5}};
  const SeedResult again = seed_result(file_of(watched, whole), "seed.json");
  ASSERT_TRUE(again.onset);
  EXPECT_EQ(to_json(*again.onset), to_json(*watched.onset));
  EXPECT_EQ((*again.onset)[0].layer, 0);
  const Json broken = file_of(three()[0], {});
  EXPECT_TRUE(contains(error_of([&] { seed_result(broken, "seed.json"); }), "seed.json: study: must be a study"));
  Json head = whole;
  head.set("heads", Json::array().push(Json::object().set("head", "L0H").set("closest_role", "previous")));
  EXPECT_TRUE(
      contains(error_of([&] { seed_result(file_of(three()[0], head), "seed.json"); }), "not the name of a head"));
}

TEST(SeedSummary, TablesAreQuoted) {
  EXPECT_EQ(csv_text({{"a", "b,c"}, {"d\"e", "f\ng"}}), "a,\"b,c\"\n\"d\"\"e\",\"f\ng\"\n");
  for (const auto& [name, text] : tables_of(three())) {
    if (name != "effects.csv") continue;
    EXPECT_TRUE(contains(text, "2,L0H0,\"copy, \"\"it\"\"\",4.0,3.9,4.1\n")) << text;
  }
}

}  // namespace
}  // namespace headlight
