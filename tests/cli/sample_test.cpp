// Tests of generation on the command line: sample, and chat with and without a terminal.
#include <chrono>
#include <cmath>
#include <thread>

#include "cli/tiny_run.h"
#include "support/on_terminal.h"

namespace headlight {
namespace {

class Sample : public TinyRun {
 protected:
  std::string input(const std::string& text) {
    write_file_atomically(directory_ / "input", text);
    return directory_ / "input";
  }
  Result sample(const Words& more, const std::string& standard_input = "") {
    Surroundings s;
    if (!standard_input.empty()) s.input = input(standard_input);
    return run_program(Words{"sample", finished(), "--chars", "40"} + more, s);
  }
};

TEST_F(Sample, TellsASeedThatGivesTheSameTextAgain) {
  const Result first = sample({}), second = sample({});
  ASSERT_EQ(first.err.rfind("seed ", 0), 0u) << first.err;
  const std::string seed = first.err.substr(5, first.err.size() - 6);
  EXPECT_EQ(sample({"--seed", seed}).out, first.out);
  EXPECT_TRUE(first.err != second.err || first.out == second.out);
}

TEST_F(Sample, WritesSeveralTextsEachOfTheNextSeed) {
  const Result r = sample({"--seed", "5", "--count", "3"});
  EXPECT_EQ(r.err, "seed 5\nseed 6\nseed 7\n");
  EXPECT_EQ(r.out,
            sample({"--seed", "5"}).out + "\n" + sample({"--seed", "6"}).out + "\n" + sample({"--seed", "7"}).out);
}

TEST_F(Sample, EndsBeforeTheStopText) {
  const std::string text = sample({"--seed", "3"}).out;
  const std::string stop = text.substr(10, 2);
  EXPECT_EQ(sample({"--seed", "3", "--stop", stop}).out, text.substr(0, text.find(stop)) + "\n");
  EXPECT_EQ(sample({"--seed", "3", "--stop", "never this"}).out, text);
  expect_refused({"sample", run_, "--stop", ""}, 2, "--stop '': ");
}

TEST_F(Sample, TakesThePromptFromStandardInput) {
  const std::string wanted = sample({"--seed", "1", "--prompt", "the "}).out;
  for (const char* line_end : {"", "\n", "\r\n"}) {
    EXPECT_EQ(sample({"--seed", "1", "-"}, cat("the ", line_end)).out, wanted);
    EXPECT_EQ(sample({"--seed", "1", "--prompt", "-"}, cat("the ", line_end)).out, wanted);
  }
  EXPECT_EQ(sample({"--seed", "1", "-"}, "the \n\n").out.rfind("the \n", 0), 0u) << "one line break only";
  expect_refused({"sample", run_, "the"}, 2, "unexpected argument; use --prompt the");
  expect_refused({"sample", run_, "-", "--prompt", "x"}, 2, "conflicts with --prompt");
  Surroundings endless;
  endless.input = "/dev/zero";
  expect_refused({"sample", run_, "-"}, 1, "standard input: cannot be read: more than 16777216 bytes", endless);
}

TEST_F(Sample, ShowsLogProbabilities) {
  const Words words = {"--seed", "1", "--prompt", "the ", "--logprobs"};
  const Result lines = sample(words), json = sample(words + Words{"--json"});
  const Json value = parse_json(json.out, "sample");
  const JsonView view(value, "sample");
  const std::string text = view.at("text").as_string();
  EXPECT_EQ("the " + text + "\n", sample({"--seed", "1", "--prompt", "the "}).out);
  double sum = 0;
  std::string together, table;
  for (const JsonView& token : view.at("tokens").elements()) {
    const double p = token.at("logprob").as_double();
    EXPECT_LT(p, 0);
    sum += p;
    together += token.at("token").as_string();
    char number[32];
    std::snprintf(number, sizeof number, "%.4f", p);
    const std::string& name = token.at("token").as_string();
    table += cat("'", name == "\n" ? "\\n" : name == "'" ? "\\'" : name, "'\t", number, "\n");
  }
  EXPECT_EQ(together, text);
  EXPECT_NEAR(view.at("logprob").as_double(), sum, 1e-9);
  EXPECT_EQ(lines.out, table);
  EXPECT_TRUE(contains(lines.err, "nats, of 40 tokens\n")) << lines.err;
  EXPECT_NE(sample({"--seed", "1", "--prompt", "the ", "--repetition-penalty", "9"}).out, "the " + text + "\n");
}

TEST_F(Sample, ChatOffATerminalAnswersEachLine) {
  Surroundings s;
  s.input = input("the\n\nzoe");
  const Words words = {"chat", finished(), "--chars", "20", "--seed", "4"};
  const Result r = run_program(words, s);
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.err, "seed 4\n") << "no prompt";
  EXPECT_EQ(r.out.size(), 3u * 21) << r.out;
  EXPECT_EQ(run_program(words, s).out, r.out);
  s.input = input("the\n");
  EXPECT_EQ(run_program(words, s).out, r.out.substr(0, 21));
  s.input = input("\xC3\xA9\n");
  const Result unknown = run_program(words, s);
  EXPECT_EQ(unknown.code, 1);
  EXPECT_TRUE(contains(unknown.err, "prompt: character 1 'é' is not in this model's vocabulary")) << unknown.err;
  s.input = "/dev/zero";
  EXPECT_TRUE(contains(run_program(words, s).err, "standard input: a line of more than 1048576 bytes"));
  EXPECT_EQ(run_program(words).code, 0) << "nothing is typed";
}

// Over many answers, the text becomes far longer than the context.
TEST_F(Sample, ChatGoesOnForever) {
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += i % 3 ? "\n" : "the lad had\n";
  Surroundings s;
  s.input = input(lines);
  const Result r = run_program({"chat", finished(), "--chars", "100"}, s);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out.size(), 40u * 101);
}

TEST_F(Sample, ChatOnATerminalStopsAnAnswerAndEnds) {
  OnTerminal chat({"chat", finished(), "--chars", "100000000", "--seed", "1"}, 80, 24);
  ASSERT_TRUE(chat.read_past("Ctrl-D ends")) << chat.seen;
  ASSERT_TRUE(chat.read_past("> "));
  chat.type("the \xC3\xA9\n");
  ASSERT_TRUE(chat.read_past("is not in this model's vocabulary")) << "and asks again";
  ASSERT_TRUE(chat.read_past("> "));
  chat.type("the\n");
  ASSERT_TRUE(chat.read_past("the\r\n"));
  const std::size_t before = chat.seen.size();
  while (chat.seen.size() < before + 500) ASSERT_TRUE(chat.read_past(" "));  // generation is in progress
  chat.type("\x03");
  ASSERT_TRUE(chat.read_past("> ")) << "the answer would never have ended";
  chat.type("\x04");
  EXPECT_EQ(chat.wait(), 0);
}

TEST_F(Sample, ASecondCtrlCAtThePromptEndsTheChat) {
  OnTerminal chat({"chat", finished()}, 80, 24);
  ASSERT_TRUE(chat.read_past("> "));
  chat.type("\x03");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  chat.type("\x03");
  EXPECT_EQ(chat.wait(), 128 + SIGINT);
}

}  // namespace
}  // namespace headlight
