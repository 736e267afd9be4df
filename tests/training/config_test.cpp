// Tests of the settings table, RunConfig, its JSON form and the presets.
#include "training/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "support/expect_error.h"
#include "support/files.h"
#include "support/temporary_directory.h"
#include "training/run_directory.h"

namespace headlight {
namespace {

Setting setting(const char* name) {
  const Setting* found = find_setting(name);
  EXPECT_TRUE(found) << name;
  return found ? *found : Setting{};
}

// Allowed values of a setting: the ends of its range, if included, and a value in between.
std::vector<std::string> allowed_values(const Setting& s) {
  if (s.is_switch()) return {"yes", "no"};
  std::vector<std::string> choices = s.choices;  // "window:W" stands for "window:7"
  for (std::string& value : choices)
    if (const std::size_t colon = value.find(':'); colon < value.size()) value.replace(colon + 1, value.size(), "7");
  if (!choices.empty()) return choices;
  if (s.name == std::string("model")) {
    std::vector<std::string> names;
    for (const ModelKind& kind : model_kinds()) names.push_back(kind.name);
    return names;
  }
  if (std::holds_alternative<std::string RunConfig::*>(s.field)) return {"", "some text", "é日🙂"};
  const auto* own = std::get_if<OwnField>(&s.field);
  if (std::holds_alternative<Index RunConfig::*>(s.field) || (own && own->setting.kind == ModelSetting::Kind::kInteger))
    return {std::to_string(static_cast<Index>(s.lowest)), std::to_string(static_cast<Index>(s.highest)),
            std::to_string(static_cast<Index>(s.lowest) + 1)};
  std::vector<std::string> values = {"0.25", "0.1"};
  if (!s.lowest_excluded) values.push_back("0");
  if (!s.highest_excluded && s.highest <= 10) values.push_back(std::to_string(static_cast<int>(s.highest * 10) / 10));
  if (s.name == std::string("val-fraction")) values.back() = "0.9";
  return values;
}

// A family that has the setting.
std::string family_with(const Setting& s) {
  for (const ModelKind& kind : model_kinds())
    if (s.is_of(kind.name)) return kind.name;
  return "transformer";
}

TEST(Settings, HaveTheirOwnNamesAndHelp) {
  std::set<std::string> names;
  for (const Setting& s : settings()) {
    EXPECT_TRUE(names.insert(s.name).second) << s.name;
    EXPECT_GT(std::string(s.help).size(), 5u) << s.name;
    EXPECT_EQ(find_setting(s.name), &s);
    EXPECT_EQ(s.key().find('-'), std::string::npos);
  }
  EXPECT_EQ(setting("min-lr").key(), "min_lr");
  EXPECT_EQ(find_setting("min_lr"), nullptr);
}

// Every field of RunConfig has a setting: values that are set and stored are read back unchanged, field by field.
TEST(Settings, TextComesBackAsItWas) {
  for (const Setting& s : settings()) {
    for (const std::string& value : allowed_values(s)) {
      RunConfig config;
      set_from_text(config, s, value);
      const std::string text = text_of(config, s);
      RunConfig again;
      set_from_text(again, s, text);
      EXPECT_EQ(text_of(again, s), text) << s.name << " " << value;
      const bool number =
          std::holds_alternative<Index RunConfig::*>(s.field) || std::holds_alternative<double RunConfig::*>(s.field);
      if (number) EXPECT_EQ(std::stod(text), std::stod(value)) << s.name;
      else EXPECT_EQ(text, value) << s.name;
    }
  }
}

TEST(Settings, DefaultsAreInsideTheirRanges) {
  for (const Preset& preset : presets()) {
    for (const Setting& s : settings()) {
      RunConfig config = preset.config;
      EXPECT_EQ(error_of([&] { set_from_text(config, s, text_of(preset.config, s)); }), "(no error)")
          << preset.name << " " << s.name;
    }
  }
}

TEST(Settings, RefuseWhatIsOutsideAndChangeNothing) {
  for (const Setting& s : settings()) {
    std::vector<std::string> bad;
    if (s.is_switch()) bad = {"", "maybe", "true", "1"};
    else if (!s.choices.empty()) bad = {"", "nonsense", "Adamw", " rms"};
    else if (std::holds_alternative<std::string RunConfig::*>(s.field)) continue;
    else bad = {"", "x", "nan", "inf", "-inf", "1e999", "-2", "1 ", "99999999999999999999"};
    if (s.lowest_excluded) bad.push_back("0");
    if (s.highest_excluded) bad.push_back("1");
    for (const std::string& value : bad) {
      RunConfig config;
      const std::string before = json_text(to_json(config)), line = error_of([&] { set_from_text(config, s, value); });
      EXPECT_EQ(line.rfind(cat("--", s.name, " ", value.empty() ? "''" : value, ": "), 0), 0u)
          << s.name << ": " << line;
      EXPECT_EQ(json_text(to_json(config)), before);
    }
  }
}

TEST(Settings, SayWhatIsAllowed) {
  RunConfig c;
  const auto line = [&](const char* name, const char* value) {
    return error_of([&] { set_from_text(c, setting(name), value); });
  };
  EXPECT_EQ(line("steps", "1e5"), "--steps 1e5: not a whole number; allowed: 1 to 1000000000");
  EXPECT_EQ(line("steps", "0"), "--steps 0: out of range; allowed: 1 to 1000000000");
  EXPECT_EQ(line("steps", "99999999999999999999"),
            "--steps 99999999999999999999: out of range; allowed: 1 to 1000000000");
  EXPECT_EQ(line("dropout", "1"), "--dropout 1: out of range; allowed: from 0 to below 1");
  EXPECT_EQ(line("lr", "0"), "--lr 0: out of range; allowed: more than 0, at most 10");
  EXPECT_EQ(line("lr", "fast"), "--lr fast: not a number; allowed: more than 0, at most 10");
  EXPECT_EQ(line("norm", "lyer"), "--norm lyer: not one of layer, rms; did you mean layer?");
  EXPECT_EQ(line("tied", "si"), "--tied si: use yes or no");
}

TEST(Config, JsonComesBackAsItWas) {
  for (const Setting& s : settings()) {
    for (const std::string& value : allowed_values(s)) {
      RunConfig config;
      config.model = family_with(s);
      set_from_text(config, s, value);
      const Json stored = parse_json(pretty_json_text(to_json(config)), "config.json");
      RunConfig again;
      from_json(again, JsonView(stored, "config.json"));
      EXPECT_TRUE(to_json(again) == to_json(config)) << s.name << " " << value;
      EXPECT_EQ(text_of(again, s), text_of(config, s)) << s.name;
    }
  }
}

TEST(Config, JsonErrorsNameFileAndSetting) {
  const auto line = [](const char* text) {
    const Json json = parse_json(text, "config.json");
    RunConfig config;
    return error_of([&] { from_json(config, JsonView(json, "config.json")); });
  };
  EXPECT_EQ(line("{\"layrs\":2}"), "config.json: unknown setting layrs; did you mean layers?");
  EXPECT_EQ(line("{\"zzzzzz\":2}"), "config.json: unknown setting zzzzzz");
  EXPECT_EQ(line("{\"min-lr\":2}"), "config.json: unknown setting min-lr; did you mean min_lr?");
  EXPECT_TRUE(contains(line("{\"layers\":0}"), "config.json: layers: --layers 0: out of range; allowed:"));
  EXPECT_TRUE(contains(line("{\"layers\":1.5}"), "config.json: layers: "));
  EXPECT_TRUE(contains(line("{\"layers\":\"2\"}"), "config.json: layers: "));
  EXPECT_TRUE(contains(line("{\"lr\":null}"), "config.json: lr: "));
  EXPECT_TRUE(contains(line("{\"tied\":1}"), "config.json: tied: "));
  EXPECT_TRUE(contains(line("{\"norm\":\"batch\"}"), "config.json: norm: "));
  EXPECT_TRUE(contains(line("[1]"), "config.json"));
}

TEST(Config, SettingsMissingInAFileKeepTheirValues) {
  const Json json = parse_json("{\"layers\":7}", "config.json");
  RunConfig config;
  config.width = 96;
  from_json(config, JsonView(json, "config.json"));
  EXPECT_EQ(config.layers, 7);
  EXPECT_EQ(config.width, 96);
}

TEST(Config, EverySettingReachesTheModelOrTheSchedule) {
  RunConfig c;
  c.layers = 3, c.heads = 5, c.width = 50, c.context = 17, c.hidden = 9, c.dropout = 0.3;
  c.pre_norm = c.tied = c.bias = false;
  for (const auto& [text, kind] : {std::pair{"learned", "learned"},
                                   {"sinusoidal", "sinusoidal"},
                                   {"rotary", "rotary"},
                                   {"alibi", "alibi"},
                                   {"none", "none"}}) {
    set_from_text(c, setting("position"), text);
    EXPECT_EQ(c.transformer(11).position, kind);
  }
  for (const auto& [text, kind] :
       {std::pair{"gelu", "gelu"}, {"gelu-erf", "gelu-erf"}, {"relu", "relu"}, {"silu", "silu"}}) {
    set_from_text(c, setting("activation"), text);
    EXPECT_EQ(c.transformer(11).activation, kind);
  }
  c.norm = "rms";
  EXPECT_EQ(c.transformer(11).norm, "rms");
  const TransformerConfig m = c.transformer(11);
  EXPECT_EQ(m.vocabulary, 11);
  EXPECT_EQ(m.layers, 3);
  EXPECT_EQ(m.heads, 5);
  EXPECT_EQ(m.width, 50);
  EXPECT_EQ(m.context, 17);
  EXPECT_EQ(m.hidden, 9);
  EXPECT_EQ(m.dropout, 0.3);
  EXPECT_FALSE(m.pre_norm || m.tied || m.bias);
  for (const auto& [text, kind] :
       {std::pair{"cosine", Decay::kCosine}, {"linear", Decay::kLinear}, {"constant", Decay::kConstant}}) {
    set_from_text(c, setting("decay"), text);
    EXPECT_EQ(c.schedule().decay, kind);
  }
  c.lr = 0.5, c.min_lr = 0.25, c.warmup = 3, c.steps = 99;
  const Schedule s = c.schedule();
  EXPECT_EQ(s.peak, 0.5);
  EXPECT_EQ(s.lowest, 0.25);
  EXPECT_EQ(s.warmup, 3);
  EXPECT_EQ(s.steps, 99);
}

TEST(Config, ChecksCombinationsOfSettings) {
  const auto line = [](auto change) {
    RunConfig c;
    change(c);
    return error_of([&] { c.check(); });
  };
  EXPECT_TRUE(contains(line([](RunConfig& c) { c.width = 65; }), "width 65 is not divisible by 4 heads; use 64 or 68"));
  EXPECT_TRUE(
      contains(line([](RunConfig& c) { c.min_lr = 1; }), "--min-lr 1 is above --lr 0.001; use a smaller --min-lr"));
  EXPECT_TRUE(contains(line([](RunConfig& c) { c.data = c.grammar = "x"; }), "--data and --grammar"));
  EXPECT_TRUE(contains(
      line([](RunConfig& c) { c.corpus = "tale"; }),
      "choose one of: tales, repeats, repeats-fixed, roles, markov, chorus, chorus-induction, numbers; did you "
      "mean tales?"));
  EXPECT_TRUE(contains(line([](RunConfig& c) { c.width = 1 << 20; }), "GB of memory; use a smaller --width"));
  EXPECT_TRUE(contains(line([](RunConfig& c) { c.hidden = 1 << 20, c.layers = 1000; }), "GB of memory"));
  EXPECT_TRUE(contains(line([](RunConfig& c) { c.batch = 1 << 20, c.context = 1 << 12; }), "GB of memory"));
}

TEST(Presets, MatchTheirDescriptions) {
  for (const Preset& preset : presets())
    EXPECT_EQ(error_of([&] { preset.config.check(); }), "(no error)") << preset.name;
  const RunConfig& micro = find_preset("micro").config;
  EXPECT_EQ(micro.layers, 2);
  EXPECT_EQ(micro.heads, 4);
  EXPECT_EQ(micro.width, 64);
  EXPECT_EQ(micro.context, 64);
  EXPECT_EQ(micro.batch, 16);
  const RunConfig& cpu = find_preset("cpu").config;
  EXPECT_EQ(cpu.layers, 4);
  EXPECT_EQ(cpu.heads, 4);
  EXPECT_EQ(cpu.width, 128);
  EXPECT_EQ(cpu.context, 64);
  EXPECT_EQ(cpu.batch, 12);
  EXPECT_EQ(cpu.steps, 2000);
  EXPECT_EQ(cpu.lr, 1e-3);
  EXPECT_EQ(cpu.min_lr, 1e-4);
  EXPECT_EQ(cpu.warmup, 100);
  EXPECT_EQ(cpu.beta2, 0.99);
  EXPECT_EQ(cpu.dropout, 0);
  const RunConfig& baby = find_preset("baby").config;
  EXPECT_EQ(baby.layers, 6);
  EXPECT_EQ(baby.heads, 6);
  EXPECT_EQ(baby.width, 384);
  EXPECT_EQ(baby.context, 256);
  EXPECT_EQ(baby.batch, 64);
  EXPECT_EQ(baby.steps, 5000);
  EXPECT_EQ(baby.dropout, 0.2);
  EXPECT_EQ(find_preset("demo").config.data, "");
  EXPECT_EQ(error_of([] { find_preset("bay"); }),
            "--preset bay: not one of demo, repeats, roles, markov, chorus, chorus-induction, numbers, micro, cpu, "
            "baby; did you mean baby?");
}

// Users of the library can set any value, so every range and every choice in the table is checked.
TEST(Config, ChecksTheRangeOfEverySetting) {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  int checked = 0;
  for (const Setting& s : settings()) {
    const auto refused = [&](auto change) {
      RunConfig c;
      change(c);
      EXPECT_EQ(error_of([&] { c.check(); }).rfind(cat("--", s.name, " "), 0), 0u) << s.name;
      EXPECT_THROW(c.check(), UsageError) << s.name;
      ++checked;
    };
    if (const auto* whole = std::get_if<Index RunConfig::*>(&s.field)) {
      for (const Index value : {static_cast<Index>(s.lowest) - 1, static_cast<Index>(s.highest) + 1,
                                std::numeric_limits<Index>::min(), std::numeric_limits<Index>::max()})
        refused([&](RunConfig& c) { c.*(*whole) = value; });
    } else if (const auto* real = std::get_if<double RunConfig::*>(&s.field)) {
      for (const double value : {nan, inf, -inf, std::nextafter(s.lowest, -inf), std::nextafter(s.highest, inf)})
        refused([&](RunConfig& c) { c.*(*real) = value; });
      if (s.lowest_excluded) refused([&](RunConfig& c) { c.*(*real) = s.lowest; });
      if (s.highest_excluded) refused([&](RunConfig& c) { c.*(*real) = s.highest; });
    } else if (const auto* choice = std::get_if<ChoiceField>(&s.field)) {
      for (std::size_t i = 0; i < s.choices.size(); ++i) {
        RunConfig c;
        choice->set(c, i);
        EXPECT_EQ(choice->get(c), i) << s.name;
        EXPECT_EQ(text_of(c, s.name), s.choices[i]);
        EXPECT_TRUE(contains(s.help, s.choices[i])) << s.name;
      }
    }
  }
  EXPECT_GT(checked, 100);
  const auto line = [](auto change) {
    RunConfig c;
    change(c);
    return error_of([&] { c.check(); });
  };
  EXPECT_EQ(line([](RunConfig& c) { c.eval_every = 0; }), "--eval-every 0: out of range; allowed: 1 to 1000000000");
  EXPECT_EQ(line([](RunConfig& c) { c.heads = 0; }), "--heads 0: out of range; allowed: 1 to 1000");
  EXPECT_EQ(line([&](RunConfig& c) { c.lr = nan; }), "--lr nan: not a number; allowed: more than 0, at most 10");
  EXPECT_EQ(line([](RunConfig& c) { c.position = "absolute"; }),
            "--position absolute: not one of learned, sinusoidal, rotary, alibi, none");
  EXPECT_EQ(line([](RunConfig& c) { c.optimizer = ""; }), "--optimizer '': not one of adamw, sgd, muon");
}

// A config.json of version 0.1.0 has no settings that later versions added.
TEST(Config, RunsOfEarlierVersionsAreRead) {
  const TemporaryDirectory directory;
  write_file_atomically(directory / "config.json", read_file(HEADLIGHT_SOURCE_DIR "/tests/fixtures/config_0_1_0.json"));
  const RunConfig c = RunDirectory(directory.path()).load_info().config;
  EXPECT_EQ(c.position, "alibi");
  EXPECT_EQ(c.norm, "rms");
  EXPECT_EQ(c.activation, "gelu-erf");
  EXPECT_EQ(c.optimizer, "sgd");
  EXPECT_EQ(c.decay, Decay::kLinear);
  EXPECT_EQ(c.tokens, TokenUnit::kByte);
  EXPECT_EQ(c.width, 8);
  EXPECT_FALSE(c.tied);
  EXPECT_TRUE(c.watch_heads);
  EXPECT_FALSE(c.stop_on_divergence);
  // The old settings are written unchanged, beside newer ones. head_slopes no longer exists.
  const Json old = parse_json(read_file(directory / "config.json"), "old"), now = to_json(c);
  for (const auto& [key, value] : JsonView(old, "old").at("settings").members()) {
    if (key == "head_slopes") continue;
    ASSERT_TRUE(now.find(key)) << key;
    EXPECT_TRUE(*now.find(key) == value.json()) << key;
  }
}

TEST(Words, CountTheirNouns) {
  EXPECT_EQ(counted(1, "minute"), "1 minute");
  EXPECT_EQ(counted(1.0, "minute"), "1 minute");
  EXPECT_EQ(counted(0.5, "minute"), "0.5 minutes");
  EXPECT_EQ(counted(0, "layer"), "0 layers");
  EXPECT_EQ(counted(std::size_t{2}, "axis", "axes"), "2 axes");
  EXPECT_EQ(word_list({"a", "b", "c"}), "a, b, c");
  EXPECT_EQ(word_list({"a", "b", "c"}, "or"), "a, b or c");
  EXPECT_EQ(word_list({"a"}, "or"), "a");
  EXPECT_EQ(word_list({}, "or"), "");
}

TEST(DidYouMean, FindsSlipsOfTheKeyboard) {
  const std::vector<std::string> names = {"train", "sample", "eval", "heads", "corpus", "weight-decay"};
  EXPECT_EQ(did_you_mean("trian", names), "train");     // swapped
  EXPECT_EQ(did_you_mean("trai", names), "train");      // missing
  EXPECT_EQ(did_you_mean("sammple", names), "sample");  // additional
  EXPECT_EQ(did_you_mean("evsl", names), "eval");       // changed
  EXPECT_EQ(did_you_mean("weigth-deacy", names), "weight-decay");
  EXPECT_EQ(did_you_mean("train", names), "train");
  EXPECT_EQ(did_you_mean("x", names), "");
  EXPECT_EQ(did_you_mean("", names), "");
  EXPECT_EQ(did_you_mean("publish", names), "");
  EXPECT_EQ(did_you_mean("train", {}), "");
}

TEST(Config, LayerHeadsAreAList) {
  RunConfig c;
  c.layer_heads = "4,2,0,1";
  c.head_size = 16;
  EXPECT_NO_THROW(c.check());
  const TransformerConfig model = c.transformer(10);
  EXPECT_EQ(model.layer_heads, (std::vector<Index>{4, 2, 0, 1}));
  EXPECT_EQ(model.max_heads(), 4);
  EXPECT_EQ(model.heads_in(2), 0);
  RunConfig back;
  const Json json = to_json(c);
  from_json(back, JsonView(json, "config.json"));
  EXPECT_EQ(back.layer_heads, "4,2,0,1");
  for (const char* bad : {"4,2", "4,,2,1", "4,2,0,1,", ",", "4,2,0,-1", "a,b,c,d", "4 ,2,0,1", "1001,1,1,1",
                          "99999999999999999999,1,1,1"}) {
    c.layer_heads = bad;
    EXPECT_THROW(c.check(), UsageError) << bad;
  }
  c.layer_heads = "4,2,0,1";
  c.position = "alibi";
  EXPECT_THROW(c.check(), UsageError) << "the slopes depend on the number of heads";
  c.position = "learned";
  c.head_size = 1 << 20;
  c.layer_heads = "1000,1000,1000,1000";
  EXPECT_THROW(c.check(), UsageError) << "more memory than there is";
}

}  // namespace
}  // namespace headlight
