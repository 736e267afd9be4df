// Tests of the program's output: results on standard output, messages on standard error.
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "cli/tiny_run.h"
#include "corpora/grammar/grammar.h"
#include "headlight/data/vocabulary.h"
#include "training/run_directory.h"

namespace headlight {
namespace {

class Output : public TinyRun {
 protected:
  static void expect_plain(const std::string& text) {
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << "an escape code";
    EXPECT_EQ(text.find('\r'), std::string::npos);
  }
};

TEST_F(Output, OfTrainIsOnStandardErrorAndPlain) {
  const Result r = run_program(train(directory_ / "new"));
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.out, "");
  expect_plain(r.err);
  for (const char* part :
       {"text    ", "model   1 layer, 2 heads, width 8, context 8", "plan    9 steps", "machine 1 thread, ",
        "B of memory", "step 0/9  loss ", "  val ", "step 9/9", "best    validation loss ", "/headlight sample "})
    EXPECT_TRUE(contains(r.err, part));
  EXPECT_EQ(files_of(directory_ / "new").size(), 5u);
}

TEST_F(Output, OfTrainWithoutValidationHasItsLinesToo) {
  const Result r = run_program(train(directory_ / "unvalidated", {"--val-fraction", "0"}));
  EXPECT_EQ(r.code, 0);
  for (const char* part :
       {"\nstep 0/9  loss ", "\nstep 4/9  loss ", "\nstep 8/9  loss ", "\nstep 9/9  loss ", "\nnext    "})
    EXPECT_TRUE(contains(r.err, part)) << r.err;
  EXPECT_FALSE(contains(r.err, "  val ")) << r.err;
}

TEST_F(Output, OfAPathWithASpaceCanBePasted) {
  const Result r = run_program(train(directory_ / "two words"));
  EXPECT_TRUE(contains(r.err, cat("/headlight sample '", directory_ / "two words", "'\n"))) << r.err;
}

TEST_F(Output, ThroughARealPipeIsPlainToo) {
  finished();
  const std::string program = HEADLIGHT_BINARY_DIR "/headlight";
  std::FILE* pipe =
      popen((program + " sample " + run_ + " --chars 50 2>&1; " + program + " train --resume --out " + run_ + " 2>&1")
                .c_str(),
            "r");
  ASSERT_TRUE(pipe);
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  EXPECT_EQ(pclose(pipe), 0);
  expect_plain(text);
  EXPECT_TRUE(contains(text, "already"));
}

#ifdef __linux__
// On a terminal, the progress line is updated in place, unless NO_COLOR or TERM=dumb forbids it.
TEST_F(Output, OnATerminalUpdatesInPlaceUnlessForbidden) {
  for (const auto& [variable, lively] : {std::pair{"NO_COLOR=", true}, {"NO_COLOR=1", false}, {"TERM=dumb", false}}) {
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    ASSERT_GE(terminal, 0);
    ASSERT_EQ(grantpt(terminal), 0);
    ASSERT_EQ(unlockpt(terminal), 0);
    const std::string name = ptsname(terminal);
    const int other = open(name.c_str(), O_RDWR | O_NOCTTY);
    const std::string out = directory_ / variable;
    const pid_t child = fork();
    if (child == 0) {
      dup2(other, 2);
      std::string set = "TERM=xterm", asked = variable, program = HEADLIGHT_BINARY_DIR "/headlight";
      putenv(set.data());
      putenv(asked.data());
      Words words = Words{program} + train(out);
      std::vector<char*> argv;
      for (std::string& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      execv(argv[0], argv.data());
      _exit(122);
    }
    close(other);
    std::string text;
    char buffer[4096];
    for (ssize_t n = read(terminal, buffer, sizeof buffer); n > 0; n = read(terminal, buffer, sizeof buffer))
      text.append(buffer, static_cast<std::size_t>(n));
    int status = 1;
    waitpid(child, &status, 0);
    close(terminal);
    EXPECT_EQ(status, 0) << text;
    EXPECT_EQ(text.find('\x1b') != std::string::npos, lively) << variable;
  }
}
#endif

TEST_F(Output, OfSampleIsTextAndNothingElse) {
  const Words base = {"sample", finished(), "--chars", "40", "--prompt", "the ", "--seed", "1"};
  const Words other = {"sample", run_, "--chars", "40", "--prompt", "the ", "--seed", "2"};
  const Result r = run_program(base);
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.err, "seed 1\n");
  EXPECT_EQ(r.out.size(), 4u + 40 + 1);
  EXPECT_EQ(r.out.rfind("the ", 0), 0u);
  EXPECT_EQ(r.out.back(), '\n');
  EXPECT_EQ(run_program(base).out, r.out) << "the same seed";
  EXPECT_NE(run_program(other).out, r.out);
  EXPECT_NE(run_program(base + Words{"--temperature=3"}).out, r.out);
  const std::string cold = run_program(base + Words{"--temperature=0"}).out;
  EXPECT_EQ(run_program(other + Words{"--temperature=0"}).out, cold);
  EXPECT_EQ(run_program(base + Words{"--top-k", "1"}).out, cold);
  EXPECT_EQ(run_program(base + Words{"--top-p=0.000001"}).out, cold);
  EXPECT_EQ(run_program({"sample", run_, "--chars", "7"}).out.size(), 8u) << "without a prompt";
}

TEST_F(Output, OfEightBitsIsTextTooAndSaysSo) {
  const Words base = {"sample", finished(), "--chars", "40", "--int8", "--seed", "1"};
  const Result r = run_program(base);
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.err, "seed 1\n");
  EXPECT_EQ(r.out.size(), 41u);
  EXPECT_EQ(run_program(base).out, r.out);
  const Result text = run_program({"eval", run_, "--int8"});
  EXPECT_TRUE(contains(text.out, ", rounded to int8\n"));
  const auto loss = [&](const Words& words) {
    const Json value = parse_json(run_program(words).out, "eval");
    return JsonView(value, "eval").at("loss").as_double();
  };
  const double plain = loss({"eval", run_, "--json"}), rounded = loss({"eval", run_, "--int8", "--json"});
  EXPECT_NE(plain, rounded);
  EXPECT_NEAR(plain, rounded, 0.01);
}

TEST_F(Output, OfEvalAgreesWithItsJson) {
  const Result text = run_program({"eval", finished()}), json = run_program({"eval", run_, "--json"});
  EXPECT_EQ(text.code, 0);
  EXPECT_EQ(json.code, 0);
  EXPECT_EQ(text.err + json.err, "");
  ASSERT_EQ(json.out.find('\n'), json.out.size() - 1) << "one line";
  const Json value = parse_json(json.out, "eval");
  const JsonView view(value, "eval");
  const double loss = view.at("loss").as_double();
  EXPECT_NEAR(view.at("perplexity").as_double(), std::exp(loss), 1e-9);
  EXPECT_NEAR(view.at("bits_per_token").as_double(), loss / std::log(2), 1e-9);
  EXPECT_TRUE(view.at("floor").json().is_null());
  char shown_loss[32];
  std::snprintf(shown_loss, sizeof shown_loss, "%.4f", loss);
  EXPECT_TRUE(contains(text.out, std::string(shown_loss) + " nats a character"));
  EXPECT_EQ(loss, load_model(run_).val_loss) << "the loss the run recorded for its best step";
  const Json other = parse_json(run_program({"eval", run_, "--json", "--data", data_, "--last"}).out, "eval");
  EXPECT_EQ(JsonView(other, "eval").at("predictions").as_index(), static_cast<Index>(text_.size()) - 1);
}

TEST_F(Output, OfCorpusIsTheTextWithItsFloorBeside) {
  const Result r = run_program({"corpus", "tales", "--chars", "1500", "--seed", "4"});
  EXPECT_EQ(r.code, 0);
  const TracedText text = corpus("tales", 1500, 4);
  EXPECT_EQ(r.out, text.text);
  char floor[32];
  std::snprintf(floor, sizeof floor, "floor %.4f nats", text.floor());
  EXPECT_EQ(r.err.rfind(floor, 0), 0u) << r.err;
  write_file_atomically(directory_ / "own.grammar", builtin_grammar_text("tales"));
  EXPECT_EQ(run_program({"corpus", "--grammar", directory_ / "own.grammar", "--chars", "1500", "--seed", "4"}).out,
            text.text);
}

TEST_F(Output, OfCorpusCanExplainItself) {
  const Result r = run_program({"corpus", "roles", "--trace", "--rules", "--seed", "4"});
  EXPECT_EQ(r.code, 0);
  expect_plain(r.out);
  expect_plain(r.err);
  const TracedText text = corpus("roles", 1, 4);
  std::string symbols;
  for (std::size_t at = r.out.find('\n') + 1; at < r.out.size(); at = r.out.find('\n', at) + 1)
    symbols += r.out.substr(at + 11, 2) == "\\n" ? '\n' : r.out[at + 12];
  EXPECT_EQ(symbols, text.text) << r.out;
  for (const std::string& rule : text.rule_names)
    EXPECT_EQ(contains(r.err, "\n" + rule + " "), rule != "end") << rule << "\n" << r.err;
  char floor[32];
  std::snprintf(floor, sizeof floor, "floor %.4f nats a symbol", text.floor() * 97 / 96);
  EXPECT_EQ(r.err.rfind(floor, 0), 0u) << r.err;
  EXPECT_TRUE(contains(run_program({"corpus", "markov", "--rules"}).err, "\nbigram  "));
}

TEST_F(Output, ShowsTheLossByRule) {
  const std::string out = directory_ / "markov";
  const Words small = {"--width", "8",         "--layers", "1",       "--batch", "2",     "--corpus-chars",
                       "3000",    "--threads", "1",        "--steps", "3",       "--out", out};
  const Result r = run_program(Words{"train", "--corpus", "markov"} + small);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.err, "text    markov: new sequences at every step, "));
  EXPECT_TRUE(contains(r.err, "\nrules     seen 1."));
  EXPECT_TRUE(contains(r.err, "\ndistance  optimum 0."));
  expect_plain(r.err);
  EXPECT_EQ(RunDirectory(out).load_info().config.hidden, 0) << "the corpus chooses its preset";
  const Result eval = run_program({"eval", out});
  EXPECT_TRUE(contains(eval.out, "\n  seen ")) << eval.out;
  EXPECT_TRUE(contains(eval.out, "\n  unigram ")) << eval.out;
  const Json value = parse_json(run_program({"eval", out, "--json"}).out, "eval");
  const auto readers = JsonView(value, "eval").at("references").elements();
  ASSERT_EQ(readers.size(), 5u);
  EXPECT_EQ(readers[0].at("reference").as_string(), "optimum");
  EXPECT_NEAR(readers[0].at("distance").as_double(),
              JsonView(value, "eval").at("loss").as_double() - JsonView(value, "eval").at("floor").as_double(), 1e-6);
  EXPECT_EQ(run_program({"heads", out}).code, 0);
  EXPECT_EQ(run_program({"sample", out, "--chars", "70"}).code, 0);
  expect_refused(Words{"train", "--corpus", "roles", "--context", "97", "--out", directory_ / "new"}, 2,
                 "the sequences of roles have 96 symbols");
}

TEST_F(Output, AnotherCorpusMayBeLookedAt) {
  const std::string out = directory_ / "fixed";
  const Result r = run_program({"train", "--corpus", "repeats-fixed", "--width", "8", "--layers", "1", "--batch", "2",
                                "--corpus-chars", "3000", "--threads", "1", "--steps", "3", "--out", out});
  EXPECT_EQ(r.code, 0) << r.err;
  const Result own = run_program({"eval", out}), other = run_program({"eval", out, "--corpus", "repeats"});
  EXPECT_EQ(other.code, 0) << other.err;
  EXPECT_TRUE(contains(own.out, "text         repeats-fixed (validation part), "));
  EXPECT_TRUE(contains(other.out, "text         repeats, ")) << other.out;
  EXPECT_TRUE(contains(other.out, "\nfloor        0."));
  EXPECT_EQ(run_program({"heads", out, "--corpus", "repeats"}).code, 0);
  expect_refused({"eval", out, "--corpus", "roles"}, 1, "is not in this model's vocabulary");
  expect_refused({"eval", out, "--corpus", "repaets"}, 2, "did you mean repeats?");
  expect_refused({"eval", out, "--corpus", "repeats", "--data", "x"}, 2, "--data and --corpus cannot both be given");
}

TEST_F(Output, ShowsTheFloorBesideTheLoss) {
  const std::string out = directory_ / "tales";
  const Words words = {"train", "--corpus-chars", "3000", "--out",     out,  "--layers", "1", "--heads",
                       "2",     "--width",        "8",    "--context", "32", "--batch",  "2", "--steps",
                       "3",     "--threads",      "1",    "--warmup",  "1"};
  const Result r = run_program(words);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.err, " (floor 0."));
  EXPECT_TRUE(contains(r.err, "; floor 0."));
  std::istringstream lines(r.err);
  for (std::string line; std::getline(lines, line);) {
    if (contains(line, out)) continue;  // contains a path, whose length varies
    EXPECT_LE(line.size(), 80u) << line;
  }
  EXPECT_TRUE(contains(run_program({"eval", out}).out, "nats (entropy floor); the model is "));
  const Json value = parse_json(run_program({"eval", out, "--json"}).out, "eval");
  const double floor = JsonView(value, "eval").at("floor").as_double();
  EXPECT_GT(floor, 0.05);
  EXPECT_LT(floor, JsonView(value, "eval").at("loss").as_double());
}

TEST_F(Output, FlagsMayBeWrittenEitherWay) {
  const std::string a = directory_ / "a", b = directory_ / "b";
  const Words rest = {"--layers=1", "--heads=2",   "--context=8", "--batch=2",
                      "--steps=2",  "--threads=1", "--no-tied",   "--no-bias"};
  ASSERT_EQ(run_program(Words{"train", "--data", data_, "--out", a, "--width", "8"} + rest).code, 0);
  ASSERT_EQ(run_program(Words{"train", "--data=" + data_, "--out=" + b, "--width=8"} + rest).code, 0);
  expect_same_run(a, b);
  const RunConfig config = RunDirectory(a).load_info().config;
  EXPECT_FALSE(config.tied);
  EXPECT_FALSE(config.bias);
  EXPECT_TRUE(config.pre_norm);
  EXPECT_EQ(config.width, 8);
}

TEST_F(Output, TheTextMayComeFromStandardInput) {
  Words words = train(directory_ / "new");
  words[2] = "-";
  Surroundings given;
  given.input = data_;
  EXPECT_EQ(run_program(words, given).code, 0);
  // The default output directory is named after the text.
  given.folder = directory_.path();
  const Result r = run_program({"train", "--data", "tales.txt", "--layers", "1", "--heads", "2", "--width", "8",
                                "--context", "8", "--batch", "2", "--steps", "1", "--threads", "1"},
                               given);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(path_exists(directory_ / "runs/tales/model.safetensors"));
}

}  // namespace
}  // namespace headlight
