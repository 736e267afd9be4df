// Tests of the commands on an encoder and an encoder-decoder: fill, sample, eval, heads show, and refusals.
#include <gtest/gtest.h>

#include "formats/json.h"
#include "support/files.h"
#include "support/program.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

Words tiny(const std::string& model, const std::string& out, const Words& more) {
  return Words{"train", "--model",      model, "--layers",  "1", "--heads", "2", "--width",
               "8",     "--context",    "24",  "--batch",   "4", "--steps", "6", "--warmup",
               "2",     "--eval-every", "3",   "--threads", "1", "--out",   out} +
         more;
}

class SequenceModels : public testing::Test {
 protected:
  std::string encoder() {
    const std::string run = directory_ / "encoder";
    if (!path_exists(run)) {
      const Result r = run_program(tiny("encoder", run, {"--corpus", "tales", "--corpus-chars", "5000"}));
      EXPECT_EQ(r.code, 0) << r.err;
      EXPECT_TRUE(contains(r.err, cat("headlight fill ", run))) << r.err;
    }
    return run;
  }
  std::string pairs() {
    const std::string run = directory_ / "pairs";
    if (!path_exists(run)) {
      write_file_atomically(file_, "12\tba\n3\tc\n21\tab\n1\ta\n");
      const Result r = run_program(tiny("encoder-decoder", run, {"--pairs", file_, "--val-fraction", "0.25"}));
      EXPECT_EQ(r.code, 0) << r.err;
    }
    return run;
  }
  TemporaryDirectory directory_;
  const std::string file_ = directory_ / "pairs.txt";
};

TEST_F(SequenceModels, FillPrintsTheTextAndTheCandidates) {
  const std::string run = encoder();
  const Result text = run_program({"fill", run, "the c_t and _"});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(text.out.substr(0, 5), "the c");
  EXPECT_TRUE(contains(text.out, "\nplace  round  candidates\n    5")) << text.out;
  const Result r = run_program({"fill", run, "the c#t and #", "--gap", "#", "--json", "--top", "2", "--at-once"});
  EXPECT_EQ(r.code, 0) << r.err;
  const Json json = parse_json(r.out, "fill");
  const JsonView view(json, "fill");
  const auto gaps = view.at("gaps").elements();
  ASSERT_EQ(gaps.size(), 2u);
  EXPECT_EQ(gaps[0].at("place").as_index(), 5);
  EXPECT_EQ(gaps[1].at("place").as_index(), 12);
  EXPECT_EQ(gaps[1].at("round").as_index(), 0);
  EXPECT_EQ(gaps[0].at("candidates").elements().size(), 2u);
}

TEST_F(SequenceModels, AnEncoderRefusesToContinueTexts) {
  const std::string run = encoder();
  const Files before = files_of(run);
  for (const char* command : {"sample", "chat"})
    expect_refused({command, run}, 1, "the model fills gaps and does not continue a text; use headlight fill");
  expect_refused({"fill", run, "the cat"}, 2, "has no gap; mark each missing character by _");
  expect_refused({"fill", run, "the c_t", "--gap", "ab"}, 2, "is not one character");
  expect_refused({"fill", run, "a text that is too long for the model _"}, 1, "but the model reads 24 at a time");
  expect_refused({"heads", run}, 1, "needs a causal model with attention heads");
  expect_refused({"eval", run, "--logits", directory_ / "x.npz"}, 1, "has no logits of next tokens");
  expect_refused({"export", run, "--to", "gguf", "--out", directory_ / "x.gguf"}, 1,
                 "cannot store a model with --model encoder");
  EXPECT_FALSE(path_exists(directory_ / "x.npz") || path_exists(directory_ / "x.gguf"));
  EXPECT_TRUE(before == files_of(run));
  expect_refused(tiny("encoder", directory_ / "no", {"--position", "alibi"}), 2, "alibi positions need a model");
  EXPECT_FALSE(path_exists(directory_ / "no"));
}

TEST_F(SequenceModels, EvalMeasuresGapsOfEncodersAndTransformers) {
  const Result of_encoder = run_program({"eval", encoder(), "--gaps", "5"});
  EXPECT_EQ(of_encoder.code, 0) << of_encoder.err;
  EXPECT_TRUE(contains(of_encoder.out, " nats a hidden character")) << of_encoder.out;
  EXPECT_TRUE(contains(of_encoder.out, " of 5 hidden characters restored\n")) << of_encoder.out;
  const std::string run = directory_ / "causal";
  ASSERT_EQ(run_program(tiny("transformer", run, {"--corpus", "tales", "--corpus-chars", "5000"})).code, 0);
  const Result r = run_program({"eval", run, "--gaps", "5", "--json"});
  const Json json = parse_json(r.out, "eval");
  EXPECT_EQ(JsonView(json, "eval").at("gaps").at("count").as_index(), 5);
  EXPECT_TRUE(JsonView(json, "eval").at("gaps").find("restored_by_sequence"));
  expect_refused({"fill", run, "the c_t"}, 1, "does not fill gaps; train one with headlight train --model encoder");
}

TEST_F(SequenceModels, PairsAreSampledEvaluatedAndDrawn) {
  const std::string run = pairs();
  const Result sample = run_program({"sample", run, "--prompt", "12"});
  EXPECT_EQ(sample.code, 0) << sample.err;
  const Result json = run_program({"sample", run, "--prompt", "12", "--json"});
  EXPECT_TRUE(contains(json.out, "\"source\":\"12\"")) << json.out;
  const Result eval = run_program({"eval", run});
  EXPECT_EQ(eval.code, 0) << eval.err;
  EXPECT_TRUE(contains(eval.out, "% of 1 targets, by greedy decoding")) << eval.out;
  const Result other = run_program({"eval", run, "--pairs", file_});
  EXPECT_TRUE(contains(other.out, "% of 4 targets")) << other.out << other.err;
  const Result map = run_program({"heads", "show", run, "all", "12", "--color", "none"});
  EXPECT_EQ(map.code, 0) << map.err;
  EXPECT_TRUE(contains(map.out, "\nL0H1\n  12\u21e5\n")) << map.out;
  const std::vector<std::string> resumed = {"train", "--resume", "--out", run, "--steps", "8"};
  EXPECT_EQ(run_program(resumed).code, 0);
}

TEST_F(SequenceModels, FewPairsAreTrainedWithAWarningThatNothingIsValidated) {
  const std::string file = directory_ / "few.txt";
  const std::string warning =
      cat("warning: ", file,
          ": too short for a validation part of 0.1 of the text, so nothing is validated; use a "
          "longer text or a larger --val-fraction\n");
  write_file_atomically(file, "12\tba\n3\tc\n21\tab\n1\ta\n");
  const Result few = run_program(tiny("encoder-decoder", directory_ / "few", {"--pairs", file, "--quiet"}));
  EXPECT_EQ(few.code, 0) << few.err;
  EXPECT_EQ(few.err, warning);
  const Result chosen =
      run_program(tiny("encoder-decoder", directory_ / "none", {"--pairs", file, "--val-fraction", "0", "--quiet"}));
  EXPECT_EQ(chosen.err, "");
  write_file_atomically(file, "12\tba\n3\tc\n21\tab\n1\ta\n4\td\n5\te\n6\tf\n7\tg\n8\th\n9\ti\n");
  const Result enough = run_program(tiny("encoder-decoder", directory_ / "enough", {"--pairs", file, "--quiet"}));
  EXPECT_EQ(enough.err, "");
}

TEST_F(SequenceModels, PairsThatCannotBeUsedAreRefused) {
  const std::string run = pairs();
  const Files before = files_of(run);
  expect_refused({"sample", run}, 2, "--prompt: is missing; give the source");
  expect_refused({"sample", run, "--prompt", "1", "--temperature", "1"}, 2, "--temperature: the model encoder-decoder");
  expect_refused({"sample", run, "--prompt", "1\t2"}, 2, "has a tab");
  expect_refused({"sample", run, "--prompt", "x"}, 1, "prompt");
  expect_refused({"chat", run}, 1, "maps a source to a target");
  expect_refused({"eval", run, "--corpus", "tales"}, 1, "");
  expect_refused({"heads", "show", run, "L7H0", "12"}, 1, "L7H0");
  EXPECT_TRUE(before == files_of(run));
  const std::string out = directory_ / "no", bad = directory_ / "bad.txt";
  write_file_atomically(bad, "1\ta\n2 b\n");
  expect_refused(tiny("encoder-decoder", out, {"--pairs", bad}), 1, "line 2 has no tab");
  expect_refused(tiny("encoder-decoder", out, {"--corpus", "tales"}), 2, "needs pairs of characters");
  expect_refused(tiny("encoder-decoder", out, {"--pairs", directory_ / "none"}), 1, "none");
  expect_refused(tiny("encoder-decoder", out, {"--pairs", file_, "--corpus", "tales"}), 2,
                 "--pairs and --corpus cannot both be given");
  expect_refused({"train", "--pairs", file_, "--minutes", "1", "--out", out}, 2, "no plan for pairs");
  for (const char* flag : {"--data", "--pairs", "--grammar"})
    expect_refused(tiny("transformer", out, {flag, ""}), 2, cat(flag, " '': is empty; name a file"));
  expect_refused(tiny("transformer", out, {"--teacher", ""}), 2, "--teacher '': is empty; name the directory of a run");
  expect_refused({"eval", run, "--pairs", ""}, 2, "--pairs '': is empty; name a file");
  expect_refused({"eval", ""}, 1, "'': is empty; name the directory of a run");
  write_file_atomically(bad, "1\ta\n\xFF\tb\n");
  expect_refused(tiny("encoder-decoder", out, {"--pairs", bad}), 1,
                 "byte 4 is not UTF-8 (0xFF never occurs in UTF-8); "
                 "convert the file to UTF-8\n");
  EXPECT_FALSE(path_exists(out));
}

}  // namespace
}  // namespace headlight
