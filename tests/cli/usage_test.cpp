// Tests of usage errors: help, unknown words, and numbers out of range, each reported in one line before any work.
#include <algorithm>
#include <map>

#include "base/version.h"
#include "headlight/models/registry.h"
#include "os/folder.h"
#include "support/program.h"
#include "support/temporary_directory.h"
#include "training/config.h"

namespace headlight {
namespace {

const Words kCommands = {"train",  "sample", "chat",   "eval",  "heads",  "info",
                         "export", "import", "corpus", "bench", "models", "fill"};

TEST(Help, IsThereForEveryCommandAndWinsAnywhere) {
  for (const std::string& command : kCommands) {
    const Result r = run_program({command, "--help"});
    EXPECT_EQ(r.code, 0) << command;
    EXPECT_EQ(r.err, "") << command;
    EXPECT_TRUE(contains(r.out, "Usage: headlight " + command + " "));
    EXPECT_TRUE(contains(r.out, "Examples:\n  headlight " + command));
    for (const Words& words : {Words{command, "-h"}, Words{"help", command}, Words{command, "--nonsense", "-h"},
                               Words{command, "x", "y", "z", "--help"}}) {
      const Result same = run_program(words);
      EXPECT_EQ(same.code, 0) << shown(words);
      EXPECT_EQ(same.out, r.out) << shown(words);
    }
  }
}

// Every command, as the overview lists them.
Words all_commands() {
  Words names;
  const std::string overview = run_program({"--help"}).out;
  std::size_t at = overview.find("\nCommands:\n") + 11;
  while (overview.compare(at, 2, "  ") == 0) {
    const std::size_t end = overview.find('\n', at), gap = std::min(overview.find("  ", at + 2), at + 15);
    std::string name = overview.substr(at + 2, gap - at - 2);
    name.erase(name.find_last_not_of(' ') + 1);
    if (!name.empty()) names.push_back(name);
    at = end + 1;
  }
  return names;
}

TEST(Help, FitsATerminal) {
  const Words commands = all_commands();
  EXPECT_GE(commands.size(), 19u);
  for (const char* name : {"train", "heads recover", "heads study", "man"})
    EXPECT_EQ(std::count(commands.begin(), commands.end(), name), 1) << name;
  std::vector<Words> asked{{"--help"}};
  for (const std::string& name : commands) {
    Words words;
    for (std::size_t at = 0; at < name.size();) {
      const std::size_t end = std::min(name.find(' ', at), name.size());
      words.push_back(name.substr(at, end - at));
      at = end + 1;
    }
    asked.push_back(words + Words{"--help"});
  }
  for (const Words& words : asked) {
    const Result r = run_program(words);
    EXPECT_EQ(r.code, 0) << shown(words);
    for (std::size_t at = 0, end; (end = r.out.find('\n', at)) != std::string::npos; at = end + 1) {
      const std::string line = r.out.substr(at, end - at);
      const auto columns = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
      EXPECT_LE(columns, 80) << shown(words) << ": " << line;
    }
  }
}

TEST(Help, NamesEveryCommandAndEverySetting) {
  const Result r = run_program({"--help"});
  EXPECT_EQ(r.code, 0);
  for (const std::string& command : kCommands) EXPECT_TRUE(contains(r.out, "\n  " + command + " "));
  for (const Words& words : {Words{"-h"}, Words{"help"}, Words{"help", "--help"}})
    EXPECT_EQ(run_program(words).out, r.out) << shown(words);
  const std::string train = run_program({"train", "--help"}).out;
  std::map<std::string, std::string> help;  // help texts of families that have their own settings
  for (const ModelKind& kind : model_kinds())
    if (!kind.settings.empty()) help[kind.name] = run_program({"train", "--model", kind.name, "--help"}).out;
  for (const Setting& s : settings()) {
    std::string text = train;
    for (const auto& [family, own] : help)
      if (s.describes_model() && !s.is_of("transformer") && s.is_of(family)) text = own;
    EXPECT_TRUE(contains(text, cat("\n  --", s.is_switch() ? "[no-]" : "", s.name, " "))) << s.name;
  }
  for (const Preset& preset : presets()) EXPECT_TRUE(contains(train, cat("\n  ", preset.name, " ")));
}

TEST(Help, IsShownOnStandardErrorWhenNothingIsAsked) {
  const Result r = run_program({});
  EXPECT_EQ(r.code, 2);
  EXPECT_EQ(r.out, "");
  EXPECT_TRUE(contains(r.err, "Usage: headlight COMMAND"));
}

TEST(Version, IsOneLine) {
  const Result r = run_program({"--version"});
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.out, "headlight " + std::string(version()) + "\n");
}

TEST(Usage, UnknownWordsGetASuggestion) {
  expect_refused({"trian"}, 2, "trian: unknown command; did you mean train?");
  expect_refused({"smaple", "x"}, 2, "did you mean sample?");
  expect_refused({"xyzzy"}, 2, "xyzzy: unknown command; see headlight --help");
  expect_refused({"help", "heds"}, 2, "did you mean heads?");
  expect_refused({"--verison"}, 2, "did you mean --version?");
  expect_refused({"train", "--stesp", "3"}, 2, "--stesp: headlight train has no such flag; did you mean --steps?");
  expect_refused({"train", "--batchsize=3"}, 2, "--batchsize: headlight train has no such flag");
  expect_refused({"train", "--learning-rate", "3"}, 2, "see headlight train --help");
  expect_refused({"sample", "run", "--temprature", "1"}, 2, "did you mean --temperature?");
  expect_refused({"eval", "run", "--jsno"}, 2, "did you mean --json?");
  expect_refused({"corpus", "tales", "--char", "10"}, 2, "did you mean --chars?");
  expect_refused({"corpus", "talse"}, 2, "did you mean tales?");
  expect_refused({"train", "--corpus", "tale"}, 2, "did you mean tales?");
  expect_refused({"train", "--preset", "micor"}, 2, "did you mean micro?");
  expect_refused({"train", "--position", "lerned"}, 2, "did you mean learned?");
  expect_refused({"train", "-steps", "3"}, 2, "flags begin with two dashes");
}

TEST(Usage, MissingAndRepeatedWords) {
  for (const char* command : {"sample", "chat", "eval", "heads"}) {
    expect_refused({command}, 2, cat("the directory of a run is missing; usage: headlight ", command, " DIR"));
    if (command != std::string("sample")) expect_refused({command, "a", "b"}, 2, "b: unexpected argument");
  }
  expect_refused({"train", "extra"}, 2, "extra: unexpected argument");
  expect_refused({"corpus"}, 2, "the name of a corpus is missing; choose one of: tales");
  expect_refused({"corpus", "tales", "--grammar", "x"}, 2, "not both");
  expect_refused({"train", "--steps"}, 2, "--steps: needs a value: --steps N");
  expect_refused({"train", "--out", "--force"}, 2, "--out: needs a value: --out DIR");
  expect_refused({"train", "--steps", "1", "--steps", "2"}, 2, "--steps: given twice; give it once");
  expect_refused({"train", "--tied", "--no-tied"}, 2, "--tied: given twice; give it once");
  expect_refused({"train", "--tied=no"}, 2, "use --tied or --no-tied");
  expect_refused({"train", "--force=1"}, 2, "--force: takes no value");
  expect_refused({"train", "--no-force"}, 2, "--no-force: headlight train has no such flag");
  expect_refused({"train", "--no-steps"}, 2, "--no-steps: headlight train has no such flag");
  expect_refused({"train", "--resume", "--force"}, 2, "cannot both be given");
  expect_refused({"train", "--data", "a", "--corpus", "tales"}, 2, "--data and --corpus cannot both be given");
  expect_refused({"train", "--data", "a", "--grammar", "b"}, 2, "--data and --grammar cannot both be given");
  expect_refused({"train", "--out", ""}, 2, "--out '': is empty; name a directory");
}

TEST(Usage, WhatTheUserTypedCannotBreakTheLine) {
  expect_refused({"tr\nain"}, 2, "tr\\nain: unknown command");
  expect_refused({"train", "--preset", "a\x1b[31m\r"}, 2, "--preset a\\x1B[31m\\x0D: not one of");
}

TEST(Usage, EveryNumberOfTrainIsHeldToItsRange) {
  const TemporaryDirectory directory;
  const std::string out = directory / "run";
  for (const Setting& s : settings()) {
    if (s.is_switch() || std::holds_alternative<std::string RunConfig::*>(s.field)) continue;
    const bool whole = std::holds_alternative<Index RunConfig::*>(s.field);
    Words bad = {"abc", "", " 1", "1x", "0x10", "nan", "1,5", "1e999999", "99999999999999999999999", "-2", "inf"};
    if (whole) bad.insert(bad.end(), {"1.5", "1e3", "9223372036854775807"});
    if (s.lowest > 0 || s.lowest_excluded) bad.push_back("0");
    for (const std::string& value : bad) {
      expect_refused({"train", "--out", out, cat("--", s.name), value}, 2,
                     cat("--", s.name, " ", value.empty() ? "''" : value, ": "));
    }
  }
  EXPECT_FALSE(path_exists(out));
}

TEST(Usage, EveryNumberOfTheOtherCommandsIsHeldToItsRange) {
  // The value is refused before the run is opened, so the run need not exist.
  for (const char* value : {"abc", "", "-1", "nan", "1e999", "99999999999999999999999", "1 "}) {
    for (const char* flag :
         {"--chars", "--temperature", "--top-k", "--top-p", "--seed", "--repetition-penalty", "--count"})
      expect_refused({"sample", "no-run", flag, value}, 2, cat(flag, " ", *value ? value : "''", ": expected a"));
    expect_refused({"eval", "no-run", "--windows", value}, 2, "--windows ");
    expect_refused({"heads", "no-run", "--windows", value}, 2, "--windows ");
    expect_refused({"corpus", "tales", "--chars", value}, 2, "--chars ");
    expect_refused({"corpus", "tales", "--seed", value}, 2, "--seed ");
  }
  expect_refused({"sample", "no-run", "--chars", "0"}, 2, "--chars 0: expected a whole number from 1 to 100000000");
  expect_refused({"sample", "no-run", "--top-p", "0"}, 2, "--top-p 0: ");
  expect_refused({"sample", "no-run", "--top-p", "1.1"}, 2, "--top-p 1.1: ");
  expect_refused({"heads", "no-run", "--windows", "0"}, 2, "--windows 0: ");
}

TEST(Usage, SettingsThatDoNotGoTogether) {
  expect_refused({"train", "--width", "65"}, 2, "width 65 is not divisible by 4 heads; use 64 or 68");
  expect_refused({"train", "--width", "2"}, 2, "use 4, or other heads");
  expect_refused({"train", "--width", "12", "--position", "rotary"}, 2, "rotary positions need an even head size");
  expect_refused({"train", "--preset", "cpu", "--min-lr", "0.1"}, 2,
                 "--min-lr 0.1 is above --lr 0.001; use a smaller --min-lr");
  expect_refused({"train", "--width", "1048576"}, 2, "use a smaller --width");
  expect_refused({"train", "--batch", "1048576", "--context", "1048576"}, 2, "use a smaller --width");
  expect_refused({"train", "--hidden", "1048576", "--layers", "1000", "--width", "1024"}, 2, "use a smaller --width");
}

TEST(Usage, OtherModelsRefuseWhatNeedsHeads) {
  const TemporaryDirectory directory;
  const std::string out = directory / "run";
  expect_refused({"train", "--model", "lstm", "--watch-heads", "--out", out}, 2,
                 "the model lstm has no attention heads");
  expect_refused({"heads", "study", "--model", "gru", "--out", out}, 2, "the model gru has no attention heads");
  expect_refused({"train", "--model", "lstm", "--heads", "2", "--out", out}, 2, "the model lstm has no such setting");
  EXPECT_FALSE(path_exists(out)) << "nothing is written";
  ASSERT_EQ(
      run_program({"train", "--model", "rnn", "--layers", "1", "--width", "8", "--steps", "2", "--out", out}).code, 0);
  expect_refused({"heads", out}, 1,
                 "heads: needs a causal model with attention heads, but this model is not one (1 layer, width 8, ");
  expect_refused({"eval", out, "--int8"}, 1, "--int8: needs a transformer, ");
  expect_refused({"export", out, "--to", "hf", "--out", directory / "hf"}, 1,
                 "hf: cannot store a model with --model rnn");
  EXPECT_FALSE(path_exists(directory / "hf"));
  EXPECT_EQ(run_program({"sample", out, "--chars", "5"}).code, 0);
}

}  // namespace
}  // namespace headlight
