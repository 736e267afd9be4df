// Tests of configuration by flags and files, several text inputs, the run directory lock, completion and the manual.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <sstream>

#include "cli/tiny_run.h"
#include "tensor/sanitized.h"
#include "training/run_directory.h"

namespace headlight {
namespace {

class Configuration : public TinyRun {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = directory_ / name;
    make_directories(path.substr(0, path.find_last_of('/')));
    write_file_atomically(path, text);
    return path;
  }
  // The output of a shell command.
  static std::string shell(const std::string& command, int code = 0) {
    std::FILE* pipe = popen(command.c_str(), "r");
    std::string text;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
    const int status = pclose(pipe);
    EXPECT_EQ(WEXITSTATUS(status), code) << command << "\n" << text;
    return text;
  }
};

TEST_F(Configuration, IsPrintedAndTakenBack) {
  const Result printed = run_program(train(directory_ / "a", {"--print-config"}));
  EXPECT_EQ(printed.code, 0) << printed.err;
  EXPECT_FALSE(path_exists(directory_ / "a"));
  const std::string path = file("c.json", printed.out);
  EXPECT_EQ(run_program({"train", "--config", path, "--print-config"}).out, printed.out);
  ASSERT_EQ(run_program({"train", "--config", path, "--out", directory_ / "a"}).code, 0);
  expect_same_run(directory_ / "a", finished());
  // The configuration of a run is accepted too, and a flag overrides the file.
  const Json over = parse_json(
      run_program({"train", "--config", directory_ / "a/config.json", "--width", "16", "--print-config"}).out, "c");
  EXPECT_EQ(JsonView(over, "c").at("width").as_index(), 16);
  EXPECT_EQ(JsonView(over, "c").at("dropout").as_double(), 0.1);
  const Json some = parse_json(
      run_program({"train", "--config", file("s.json", "{\"layers\":3}"), "--preset", "micro", "--print-config"}).out,
      "c");
  EXPECT_EQ(JsonView(some, "c").at("layers").as_index(), 3);
  EXPECT_EQ(JsonView(some, "c").at("batch").as_index(), 16) << "of the preset";
}

TEST_F(Configuration, RefusesFilesThatAreWrong) {
  const auto refused = [&](const std::string& text, const std::string& part, int code = 2) {
    expect_refused({"train", "--config", file("bad.json", text), "--out", directory_ / "new"}, code, part);
  };
  refused("{\"lyaers\":3}", "unknown setting lyaers; did you mean layers?");
  refused("{\"layers\":0}", "--layers 0: out of range; allowed:");
  refused("{\"layers\":\"3\"}", "expected a whole number");
  refused("{\"data\":[1]}", "expected");
  refused("[]", "expected an object");
  refused("{", "bad.json");
  refused(std::string(1000, '['), "bad.json");
  refused("{\"layers\":3,\"layers\":4}", "duplicate key");
  refused(std::string((1 << 20) + 1, ' '), "more than 1048576 bytes", 1);
  expect_refused({"train", "--config", "/dev/zero"}, 1, "more than 1048576 bytes");
  expect_refused({"train", "--config", directory_ / "none"}, 1, "no such file");
  expect_refused({"train", "--resume", "--config", "x", "--out", "y"}, 2, "--resume and --config");
}

TEST_F(Configuration, TextsAreReadOneAfterTheOther) {
  const std::string half = text_.substr(0, 1200), rest = text_.substr(1200);
  const std::string a = file("t/a.txt", half), b = file("t/sub/b.txt", rest);
  file("t/.hidden", "zzz");
  file("t/picture.png", std::string("\x89PNG\0", 5));
  file("t/latin1.txt", "caf\xE9\n");
  file("t/empty", "");
  Words words = train(directory_ / "folder");
  words[2] = directory_ / "t";
  const Result r = run_program(words);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.err, "        2 files; skipped 3: ")) << r.err;
  for (const char* part : {"t/empty (empty)", "t/latin1.txt (not UTF-8)", "t/picture.png (not text)"})
    EXPECT_TRUE(contains(r.err, part)) << r.err;
  const Words two = train(directory_ / "two", {"--data", b});
  Words both = two;
  both[2] = a;
  ASSERT_EQ(run_program(both).code, 0);
  const auto weights = [&](const char* run) { return read_file(directory_ / cat(run, "/model.safetensors")); };
  EXPECT_TRUE(weights("two") == weights("folder"));
  EXPECT_EQ(RunDirectory(directory_ / "two").load_info().config.all_data(), (std::vector<std::string>{a, b}));
  EXPECT_EQ(run_program({"eval", directory_ / "two", "--data", a, "--data", b}).code, 0);
  EXPECT_EQ(run_program({"train", "--resume", "--out", directory_ / "two", "--steps", "12"}).code, 0);
  words[2] = directory_ / "nothing";
  make_directories(words[2]);
  expect_refused(words + Words{"--force"}, 1, "the folder contains no text file");
}

// The program's own memory is not much larger than the text: a text in a file stays on the disk, and a text from a pipe
// is kept in memory.
TEST_F(Configuration, ALargeTextIsNotHeldInMemory) {
  if (tests::kAddressSanitizer) GTEST_SKIP() << "the sanitizer takes memory of its own";
  const std::string large = directory_ / "large.txt";
  {
    AtomicFile out(large);
    for (std::size_t size = 0; size < std::size_t{80} << 20; size += text_.size()) out.write(text_ + "é");
    out.commit();
  }
  Words words = train(directory_ / "large");
  words[2] = large;
  Surroundings limited;
  limited.data = rlim_t{64} << 20;
  const Result r = run_program(words + Words{"--eval-windows", "20"}, limited);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(run_program({"eval", directory_ / "large", "--windows", "3"}, {}).code, 0);
  limited.input = large;
  words[2] = "-";
  expect_refused(words + Words{"--force", "--quiet"}, 1, "does not fit in memory", limited);
}

TEST_F(Configuration, RelativeTextsAreFoundFromElsewhere) {
  Words words = train(directory_ / "run");
  words[2] = "tales.txt";
  Surroundings here;
  here.folder = directory_.path();
  ASSERT_EQ(run_program(words, here).code, 0);
  const Result r = run_program({"train", "--resume", "--out", run_, "--steps", "12"});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(run_program({"eval", run_}).code, 0);
  EXPECT_EQ(RunDirectory(run_).load_info().config.data, "tales.txt");
}

TEST_F(Configuration, AWordThatStandsAloneIsExplained) {
  expect_refused({"train", "my.txt"}, 2, "my.txt: unexpected argument; did you mean --data my.txt?");
}

TEST_F(Configuration, OneTrainingADirectory) {
  const std::string run = directory_ / "busy";
  Words endless = train(run);
  *(std::find(endless.begin(), endless.end(), "--steps") + 1) = "100000000";
  Program first(endless);
  while (!path_exists(run + "/state.safetensors") && !first.ended()) usleep(2000);
  ASSERT_FALSE(first.ended()) << first.err_so_far();
  expect_refused({"train", "--resume", "--out", run}, 1, "busy: another process is training this run");
  const Result forced = run_program(train(run, {"--force"}));
  EXPECT_EQ(forced.code, 1);
  EXPECT_TRUE(contains(forced.err, "another process is training this run")) << forced.err;
  first.signal(SIGKILL);
  EXPECT_EQ(first.wait().code, 128 + SIGKILL);
  const Result after = run_program(train(run, {"--force"}));
  EXPECT_EQ(after.code, 0) << "a lock outlived its process: " << after.err;
  EXPECT_EQ(files_of(run).size(), 5u) << "and leaves nothing";
}

TEST_F(Configuration, BashCompletes) {
  const std::string script = file("c.bash", run_program({"completion", "bash"}).out);
  const auto completed = [&](const std::string& words, int at) {
    return shell(cat("bash -c '. ", script, "; COMP_WORDS=(", words, "); COMP_CWORD=", at,
                     "; _headlight_words; printf \"%s\\n\" \"${COMPREPLY[@]}\"'"));
  };
  // An argument that can only be a file is completed as a file, with a slash after folders: a folder named train is not
  // completed as the command.
  const auto treated_as = [&](const std::string& words, int at) {
    return shell(cat("bash -c 'compopt() { echo \"$@\"; }; . ", script, "; complete -p headlight; COMP_WORDS=(", words,
                     "); COMP_CWORD=", at, "; _headlight_words'"));
  };
  EXPECT_EQ(treated_as("headlight tr", 1), "complete -F _headlight_words headlight\n");
  EXPECT_EQ(treated_as("headlight train --preset m", 3), "complete -F _headlight_words headlight\n");
  EXPECT_EQ(treated_as(cat("headlight train --data ", directory_ / "c"), 3),
            "complete -F _headlight_words headlight\n-o filenames\n");
  EXPECT_EQ(completed("headlight tr", 1), "train\n");
  EXPECT_EQ(completed("headlight heads sh", 2), "show\n");
  EXPECT_EQ(completed("headlight train --min", 2), "--minutes\n--min-lr\n");
  EXPECT_EQ(completed("headlight train --no-t", 2), "--no-tied\n");
  EXPECT_EQ(completed("headlight train --preset mi", 3), "micro\n");
  EXPECT_EQ(completed("headlight train --position r", 3), "rotary\n");
  EXPECT_EQ(completed("headlight sample x --logp", 3), "--logprobs\n");
  EXPECT_EQ(completed(cat("headlight train --data ", directory_ / "c.b"), 3), script + "\n");
  EXPECT_EQ(completed("headlight completion f", 2), "fish\n");
  EXPECT_EQ(completed("headlight bench a", 2), "attention\n");
  EXPECT_EQ(completed("headlight train --position = r", 4), "rotary\n") << "bash splits --position=r into three words";
  EXPECT_EQ(completed("headlight train --norm =", 3), "layer\nrms\n");
  const std::string spaced = file("two words.txt", "x");
  EXPECT_EQ(completed(cat("headlight train --data \"", directory_ / "two w", "\""), 3), spaced + "\n");
  EXPECT_EQ(completed(cat("headlight info \"", directory_ / "two w", "\""), 2), spaced + "\n");
  // Every value that completion offers is accepted.
  const std::string out = directory_ / "out";
  const std::vector<std::pair<std::string, Words>> offers = {
      {"export x --to", {"export", finished(), "--force", "--out", out}},
      {"plot x --what", {"plot", run_}},
      {"heads ablate x --by", {"heads", "ablate", run_, "L0H0", "--chars", "0"}},
      {"heads show x --color", {"heads", "show", run_, "L0H0", "he"}},
      {"train --preset", {"train", "--print-config"}},
      {"heads study --preset", {"train", "--print-config"}},
      {"bench --preset", {"train", "--print-config"}},
      {"heads study --position", {"train", "--print-config"}},
      {"heads study --corpus", {"train", "--print-config"}},
      {"eval --corpus", {"train", "--print-config"}}};
  for (const auto& [words, command] : offers) {
    const std::string all = cat("headlight ", words, " \"\"");
    std::istringstream lines(completed(all, static_cast<int>(std::count(all.begin(), all.end(), ' '))));
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      std::filesystem::remove_all(out);
      const Result r = run_program(command + Words{words.substr(words.rfind("--")), line});
      EXPECT_EQ(r.code, 0) << words << " " << line << "\n" << r.err;
    }
    EXPECT_GE(count, 2) << words;
  }
  expect_refused({"completion", "basch"}, 2, "did you mean bash?");
  expect_refused({"completion", "x"}, 2, "not one of bash, zsh, fish");
}

TEST_F(Configuration, FishCompletes) {
  const std::string script = file("c.fish", run_program({"completion", "fish"}).out);
  EXPECT_GT(read_file(script).size(), 1000u);
  if (std::system("command -v fish > /dev/null") != 0) GTEST_SKIP() << "fish is not there";
  // The candidates without their descriptions. HOME is set because fish writes there.
  const auto completed = [&](const std::string& words) {
    return shell(cat("HOME=", directory_.path(), " fish --no-config -c 'source ", script, "; complete -C \"", words,
                     "\"' | cut -f1 | sort"));
  };
  EXPECT_EQ(completed("headlight tr"), "train\n");
  EXPECT_EQ(completed("headlight heads sh"), "show\n");
  EXPECT_EQ(completed("headlight train --min"), "--min-lr\n--minutes\n");
  EXPECT_EQ(completed("headlight train --no-t"), "--no-tied\n");
  EXPECT_EQ(completed("headlight train --preset mi"), "micro\n");
  EXPECT_EQ(completed("headlight heads show --pe"), "") << "a flag of heads prune";
  EXPECT_EQ(completed("headlight completion z"), "zsh\n");
  EXPECT_EQ(completed(cat("headlight train --data ", directory_ / "c.f")), script + "\n");
  EXPECT_EQ(completed(cat("headlight eval ", directory_.path().substr(0, directory_.path().size() - 1))),
            directory_.path() + "/\n");
}

// Runs zsh in a pseudo-terminal, because zsh completes typed keys only.
TEST_F(Configuration, ZshCompletes) {
  make_directories(directory_ / "functions");
  const std::string script = file("functions/_headlight", run_program({"completion", "zsh"}).out);
  EXPECT_GT(read_file(script).size(), 1000u);
  if (std::system("command -v zsh > /dev/null && zsh -fc 'zmodload zsh/zpty' 2> /dev/null") != 0)
    GTEST_SKIP() << "zsh is not there";
  // Types each word and a tab, and prints the resulting line.
  const std::string typist = file("type.zsh", R"(
zmodload zsh/zpty
zpty Z "TERM=dumb zsh -f -i"
zpty -w Z "PS1= RPS1=; bindkey -e; $1; autoload -Uz compinit; compinit -D -u; $2
show() { print -r -- \"LINE[\$BUFFER]\"; BUFFER=; zle accept-line }; zle -N show; bindkey '^G' show; print RE''ADY"
zpty -r -m Z line '*READY*'
for words in "${@[3,-1]}"; do
  zpty -w -n Z "$words"$'\t\a'
  zpty -r -m Z line '*LINE\[*\]*' && print -r -- "${${line##*LINE\[}%%\]*}"
done
zpty -d Z
)");
  const auto completed = [&](const std::string& before, const std::string& after) {
    return shell(cat("mkdir -p ", directory_ / "here/train", " && cd ", directory_ / "here", " && timeout 30 zsh -f ",
                     typist, " '", before, "' '", after,
                     "' 'headlight tr' 'headlight heads sh' 'headlight train --preset mi' 'headlight train --no-t' "
                     "'headlight completion f' 'headlight train --data ",
                     directory_ / "functions/_h", "' | sed 's/ *$//'"));
  };
  const std::string wanted =
      cat("headlight train\nheadlight heads show\nheadlight train --preset micro\n",
          "headlight train --no-tied\nheadlight completion fish\nheadlight train --data ", script, "\n");
  EXPECT_EQ(completed(cat("fpath=(", directory_ / "functions", " $fpath)"), "true"), wanted) << "as it is installed";
  EXPECT_EQ(completed("true", cat("source ", script)), wanted);
}

TEST_F(Configuration, TheManualNamesEverythingAndRenders) {
  const std::string page = run_program({"man"}).out, path = file("headlight.1", page);
  for (const char* part :
       {".SS headlight train\n", ".SS headlight chat\n", "\\-\\-repetition\\-penalty", ".SH EXIT STATUS"})
    EXPECT_TRUE(contains(page, part)) << part;
  if (std::system("command -v man > /dev/null && command -v groff > /dev/null") != 0)
    GTEST_SKIP() << "man is not there";
  EXPECT_EQ(shell("LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l " + path + " 2>&1 >/dev/null"), "");
}

TEST_F(Configuration, EvalComparesWithCounting) {
  const Result r = run_program({"eval", finished()});
  EXPECT_TRUE(contains(r.out, "\n  5-gram (Kneser-Ney) ")) << r.out;
  const Json value = parse_json(run_program({"eval", run_, "--json"}).out, "eval");
  const JsonView counting = JsonView(value, "eval").at("counting");
  const double one = counting.at("unigram").as_double(), two = counting.at("bigram").as_double(),
               five = counting.at("5-gram").as_double();
  EXPECT_LT(two, one);
  EXPECT_LT(five, two);
  EXPECT_GT(five, 0.1);
}

}  // namespace
}  // namespace headlight
