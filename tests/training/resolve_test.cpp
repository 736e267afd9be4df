// Tests of the precedence of flags, file, preset and plan when several give a setting a value.
#include "training/resolve.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/files.h"
#include "support/temporary_directory.h"
#include "training/plan.h"

namespace headlight {
namespace {

RequestedSettings asked(std::map<std::string, std::string> flags, const char* file = nullptr,
                        const char* preset = nullptr) {
  RequestedSettings a;
  a.flags = std::move(flags);
  if (file) a.file = parse_json(file, "c.json"), a.file_name = "c.json";
  if (preset) a.preset = preset;
  return a;
}
RequestedSettings timed(RequestedSettings a) {
  a.minutes = true;
  return a;
}
// A plan that sets every setting that a plan may choose.
void plan(RunConfig& c) {
  c.layers = 6, c.heads = 8, c.width = 256, c.context = 128, c.batch = 5;
  c.lr = 7e-3, c.min_lr = 3e-4, c.dropout = 0.3, c.position = "rotary";
  c.steps = 777, c.warmup = 55, c.eval_every = 44, c.eval_windows = 33, c.stop_on_divergence = true;
}

struct Case {
  const char* what;
  RequestedSettings asked;
  bool planned;
  const char* setting;
  const char* value;
};

TEST(Resolve, TheFirstPlaceThatGivesAValueWins) {
  const char* file = R"({"width":80,"lr":0.004,"steps":90,"warmup":9,"batch":7})";
  const char* rates = R"({"lr":0.004,"min_lr":0.002,"steps":90,"warmup":9})";
  const std::vector<Case> cases = {
      {"flag over file", asked({{"width", "96"}}, file, "micro"), false, "width", "96"},
      {"file over preset", asked({}, file, "micro"), false, "width", "80"},
      {"preset over default", asked({}, nullptr, "baby"), false, "width", "384"},
      {"what the file leaves out is the preset's", asked({}, file, "micro"), false, "layers", "2"},
      {"a default where nobody gives a value", asked({}, nullptr, "micro"), false, "beta1", "0.9"},
      {"implied by a text", asked({{"data", "x"}}), false, "width", "128"},
      {"implied by a grammar", asked({{"grammar", "x"}}), false, "context", "144"},
      {"implied by a corpus", asked({{"corpus", "roles"}}), false, "context", "96"},
      {"implied by the file's corpus", asked({}, R"({"corpus":"markov"})"), false, "corpus", "markov"},
      {"implied by the file's corpus, steps", asked({}, R"({"corpus":"markov"})"), false, "steps", "600"},
      {"plan over implied preset", asked({{"data", "x"}}), true, "width", "256"},
      {"plan chooses the steps", asked({{"data", "x"}}), true, "steps", "777"},
      {"flag over plan", asked({{"data", "x"}, {"lr", "0.005"}}), true, "lr", "0.005"},
      {"file over plan", asked({{"data", "x"}}, rates), true, "lr", "0.004"},
      {"file over plan, lowest rate", asked({{"data", "x"}}, rates), true, "min-lr", "0.002"},
      {"the lowest rate follows the rate", asked({{"data", "x"}, {"lr", "0.0001"}}), true, "min-lr", "1e-04"},
      {"preset over plan: size", timed(asked({}, nullptr, "micro")), true, "width", "64"},
      {"preset over plan: rate", timed(asked({}, nullptr, "micro")), true, "lr", "0.001"},
      {"preset over plan: positions", timed(asked({}, nullptr, "micro")), true, "position", "learned"},
      {"a size given: the rest is not planned", timed(asked({{"layers", "3"}})), true, "width", "64"},
      {"--minutes over preset: steps", timed(asked({}, nullptr, "micro")), true, "steps", "777"},
      {"--minutes over preset: warm-up", timed(asked({}, nullptr, "micro")), true, "warmup", "55"},
      {"--minutes over preset: divergence", timed(asked({}, nullptr, "micro")), true, "stop-on-divergence", "yes"},
      {"--minutes over file: steps", timed(asked({}, file)), true, "steps", "777"},
      {"file over --minutes: warm-up", timed(asked({}, file)), true, "warmup", "9"},
      {"flag over --minutes: warm-up", timed(asked({{"warmup", "3"}}, file)), true, "warmup", "3"},
      {"flag over --minutes", timed(asked({{"stop-on-divergence", "no"}})), true, "stop-on-divergence", "no"},
      {"no plan, no stop", asked({}), false, "stop-on-divergence", "no"},
      {"a corpus flag clears the file's text", asked({{"corpus", "tales"}}, R"({"data":"d"})"), false, "data", ""},
      {"a grammar flag clears the file's text", asked({{"grammar", "g"}}, R"({"data":"d"})"), false, "data", ""},
      {"a text flag clears the file's grammar", asked({{"data", "d"}}, R"({"grammar":"g"})"), false, "grammar", ""},
  };
  for (const Case& c : cases) {
    const RunConfig config = c.planned ? resolve(c.asked, plan) : resolve(c.asked);
    EXPECT_EQ(text_of(config, c.setting), c.value) << c.what;
  }
}

// For every setting, a flag overrides the file, and the file overrides the preset and the plan.
TEST(Resolve, HoldsForEverySetting) {
  for (const Setting& s : settings()) {
    if (s.name == std::string("data") || s.name == std::string("grammar") || s.name == std::string("corpus") ||
        s.name == std::string("pairs"))
      continue;
    if (s.describes_model() && !s.is_of("transformer")) continue;  // these need another --model; see families_test.cpp
    if (s.name == std::string("model")) continue;
    const auto other = [&](const RunConfig& than) -> std::string {
      if (s.is_switch()) return text_of(than, s) == "yes" ? "no" : "yes";
      if (!s.choices.empty()) return text_of(than, s) == s.choices[0] ? s.choices.back() : s.choices[0];
      if (std::holds_alternative<std::string RunConfig::*>(s.field)) return text_of(than, s) + "1";
      for (const char* value : {"0.25", "0.5", "1", "2", "1000", "1001", "1002"}) {
        RunConfig tried;
        if (error_of([&] { set_from_text(tried, s, value); }) == "(no error)" && text_of(tried, s) != text_of(than, s))
          return value;
      }
      return "";
    };
    const RunConfig preset = resolve(asked({{"data", "x"}}), plan);
    RunConfig of_file = preset;
    set_from_text(of_file, s, other(preset));
    const Json key = Json::object().set(s.key(), *to_json(of_file).find(s.key()));
    RequestedSettings a = asked({{"data", "x"}});
    a.file = key;
    a.file_name = "c.json";
    EXPECT_EQ(text_of(resolve(a, plan), s), text_of(of_file, s)) << s.name;
    a.flags[s.name] = other(of_file);
    if (s.name == std::string("corpus-chars")) a.flags.erase("data");
    EXPECT_EQ(text_of(resolve(a, plan), s), other(of_file)) << s.name;
  }
}

TEST(Resolve, SaysWhenAPlanIsWanted) {
  EXPECT_TRUE(asked({{"data", "x"}}).wants_plan());
  EXPECT_TRUE(asked({}, R"({"data":"x"})").wants_plan());
  EXPECT_TRUE(timed(asked({})).wants_plan());
  EXPECT_TRUE(timed(asked({{"width", "64"}})).wants_plan());
  EXPECT_FALSE(asked({}).wants_plan());
  EXPECT_FALSE(asked({}, R"({"data":""})").wants_plan());
  EXPECT_FALSE(asked({{"data", "x"}, {"steps", "5"}}).wants_plan());
  EXPECT_FALSE(asked({{"data", "x"}}, R"({"steps":5})").wants_plan());
  EXPECT_FALSE(asked({{"data", "x"}}, nullptr, "cpu").wants_plan());
  for (const char* size : {"layers", "heads", "width", "hidden", "context", "batch", "accumulate"}) {
    EXPECT_FALSE(asked({{"data", "x"}, {size, "4"}}).wants_plan()) << size;
    EXPECT_TRUE(asked({{size, "4"}}).has_size()) << size;
  }
  EXPECT_TRUE(asked({{"data", "x"}, {"lr", "0.1"}}).wants_plan());
}

TEST(Resolve, RefusesContradictions) {
  EXPECT_TRUE(contains(error_of([] { resolve(timed(asked({{"steps", "5"}}))); }), "--minutes and --steps"));
  EXPECT_TRUE(contains(error_of([] { resolve(asked({{"data", "x"}, {"corpus", "tales"}})); }), "--data and --corpus"));
  EXPECT_TRUE(contains(error_of([] { resolve(asked({}, nullptr, "bay")); }), "did you mean baby?"));
  EXPECT_TRUE(contains(error_of([] { resolve(asked({{"width", "x"}})); }), "--width x: not a whole number"));
}

TEST(Resolve, TheModelToStartFromGivesItsSizes) {
  RunInfo start;
  start.config.width = 48;
  start.config.tokens = TokenUnit::kByte;
  start.config.dropout = 0.5;
  RequestedSettings a = asked({{"data", "x"}});
  a.start = &start;
  a.start_name = "runs/a";
  const RunConfig config = resolve(a, plan);
  EXPECT_EQ(config.width, 48);
  EXPECT_EQ(config.tokens, TokenUnit::kByte);
  EXPECT_EQ(config.dropout, 0);
  a.flags["width"] = "48";
  EXPECT_EQ(resolve(a).width, 48);
  a.flags["width"] = "64";
  EXPECT_EQ(error_of([&] { resolve(a); }),
            "--width 64: the model in runs/a has 48, and --init keeps this value; omit the flag");
}

TEST(Resolve, AResumedRunKeepsWhatIsComputed) {
  RunInfo stored;
  stored.config.width = 48;
  for (const Setting& s : settings()) {
    if (s.name == std::string("data")) continue;
    RunConfig changed = stored.config;
    const std::string now = text_of(changed, s);
    if (s.is_switch()) set_from_text(changed, s, now == "yes" ? "no" : "yes");
    else if (std::holds_alternative<Index RunConfig::*>(s.field))
      set_from_text(changed, s, s.lowest < 1 ? "33" : "1000");
    else if (!s.choices.empty()) set_from_text(changed, s, s.choices.back());
    else continue;
    if (text_of(changed, s) == now) set_from_text(changed, s, s.is_switch() ? "no" : s.choices.front());
    const std::string line = error_of([&] {
      EXPECT_EQ(text_of(resolve_resumed(asked({{s.name, text_of(changed, s)}}), stored, "r"), s), text_of(changed, s));
    });
    EXPECT_EQ(line == "(no error)", s.free_on_resume) << s.name << ": " << line;
  }
}

TEST(Resolve, PlansWhatWasNotAskedFor) {
  const PlanText text{.train = 1'000'000, .validation = 111'000, .vocabulary = 65};
  const auto speed = [](const RunConfig&) { return 1e5; };
  const RunConfig c = plan_run(asked({{"data", "x"}, {"warmup", "7"}, {"seed", "3"}}), text, 60, speed).config;
  EXPECT_EQ(c.warmup, 7);
  EXPECT_EQ(c.seed, 3);
  EXPECT_TRUE(c.stop_on_divergence);
  EXPECT_NE(c.steps, RunConfig{}.steps);
  EXPECT_TRUE(contains(error_of([&] { plan_run(asked({}), text, 0, speed); }), "plan: 0 seconds"));
  EXPECT_TRUE(contains(error_of([&] { plan_run(asked({}), {}, 60, speed); }), "no tokens to train on"));
  EXPECT_TRUE(contains(error_of([&] { plan_run(asked({}), text, 60, [](auto&) { return 0.0; }); }), "0 tokens/s"));
}

}  // namespace
}  // namespace headlight
