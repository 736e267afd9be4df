// Models that a program registers itself, without a cost function: training, resuming, defaults, help, and the faults
// that training refuses before its first step.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "formats/json.h"
#include "headlight/models/registry.h"
#include "headlight/nn/embedding.h"
#include "headlight/ops/ops.h"
#include "os/file.h"
#include "os/folder.h"
#include "own_program.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"
#include "training/trainer.h"

namespace headlight::tests {
namespace {

// The fault of a model.
enum class Fault { kNone, kWide, kShort, kFlat, kLeaks, kMixes, kVocabulary, kContext, kDraws, kRandom };

// Predicts each token from the one before.
class Pairs : public LanguageModel {
 public:
  Pairs(Index vocabulary, Index context, Fault fault, Objective objective = Objective::kNextToken)
      : table_{this, "table", vocabulary, vocabulary + (fault == Fault::kWide ? 1 : 0)},
        vocabulary_(vocabulary),
        context_(context),
        fault_(fault),
        objective_(objective) {}
  Tensor operator()(std::span<const std::int32_t> ids, Index batch) const override {
    const Index length = sequence_length(ids, batch);
    const Tensor y = table_(ids, Shape{batch, length});
    if (fault_ == Fault::kShort) return slice(y, 1, 0, length - 1);
    if (fault_ == Fault::kFlat) return reshape(y, {batch * length, vocabulary_});
    if (fault_ == Fault::kLeaks) return add(y, scale(mean(y, 1, true), 0.01));
    if (fault_ == Fault::kMixes) return add(y, scale(mean(y, 0, true), 0.01));
    if (fault_ == Fault::kDraws) return add(y, Tensor::normal(y.shape(), 0, 1, generator()));
    static Rng own(1);
    if (fault_ == Fault::kRandom) return add(y, Tensor::normal(y.shape(), 0, 1, own));
    return y;
  }
  Index vocabulary() const override { return vocabulary_ + (fault_ == Fault::kVocabulary ? 1 : 0); }
  Index context() const override { return context_ + (fault_ == Fault::kContext ? 1 : 0); }
  std::string summary() const override { return "a table of pairs"; }
  Objective objective() const override { return objective_; }

 private:
  Child<Embedding> table_;
  Index vocabulary_, context_;
  Fault fault_;
  Objective objective_;
};

Index made_hidden = -2;                    // the value of `hidden` that the last make() received
std::optional<Rng::State> made_generator;  // the generator after the last make()

void register_all() {
  static const bool once = [] {
    const auto add = [](const std::string& name, Fault fault, Objective objective = Objective::kNextToken) {
      register_model({.name = name,
                      .help = "a table of pairs",
                      .settings = {integer_setting("taps", 2, 1, 8, "a number of the table")},
                      .make = [=](const ModelOptions& o, Index vocabulary) -> std::unique_ptr<LanguageModel> {
                        auto model = std::make_unique<Pairs>(vocabulary, o.whole("context"), fault, objective);
                        made_generator = generator().state();
                        return model;
                      }});
    };
    add("pairs", Fault::kNone);
    add("wide", Fault::kWide);
    add("short", Fault::kShort);
    add("flat", Fault::kFlat);
    add("leaks", Fault::kLeaks);
    add("mixes", Fault::kMixes);
    add("other-vocabulary", Fault::kVocabulary);
    add("other-context", Fault::kContext);
    add("draws", Fault::kDraws);
    add("random", Fault::kRandom);
    add("masked-leaks", Fault::kLeaks, Objective::kMasked);
    add("masked-wide", Fault::kWide, Objective::kMasked);
    register_model({.name = "nothing", .help = "", .make = [](const ModelOptions&, Index) {
                      return std::unique_ptr<LanguageModel>();
                    }});
    for (const bool parts : {false, true})
      register_model({.name = parts ? "hidden-parts" : "hidden-width",
                      .help = "",
                      .shared = parts ? std::vector<std::string>{"width", "hidden", "feed-forward"}
                                      : std::vector<std::string>{"width", "hidden"},
                      .make = [](const ModelOptions& o, Index vocabulary) -> std::unique_ptr<LanguageModel> {
                        made_hidden = o.whole("hidden");
                        return std::make_unique<Pairs>(vocabulary, o.whole("context"), Fault::kNone);
                      }});
    return true;
  }();
  (void)once;
}

class OwnModel : public testing::Test {
 protected:
  OwnModel() { register_all(); }
  Ran train(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"bin/mine", "train", "--plain"};
    words.insert(words.end(), more.begin(), more.end());
    return run_own(words);
  }
  // A new run of 4 steps on a small corpus.
  Ran start(const std::string& model, const std::string& out, std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--model", model, "--out", out, "--steps", "4", "--context", "8", "--batch", "2",
                             "--eval-every", "4", "--warmup", "1", "--corpus-chars", "2000", "--decay", "constant"});
    return train(more);
  }
  TemporaryDirectory directory_;
  const std::string run_ = directory_ / "run";
};

TEST_F(OwnModel, ResumesWithItsOwnSettingsAndWithoutItsName) {
  ASSERT_EQ(start("pairs", run_, {"--taps", "3"}).code, 0);
  const Ran resumed = train({"--resume", "--taps", "3", "--steps", "8", "--out", run_});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  const Ran other = train({"--resume", "--taps", "2", "--out", run_});
  EXPECT_EQ(other.code, 2);
  EXPECT_TRUE(contains(other.err, cat("mine: --taps 2: the run in ", run_, " has 3"))) << other.err;
  const Ran layers = train({"--resume", "--layers", "4", "--out", run_});
  EXPECT_EQ(layers.code, 2);
  EXPECT_EQ(layers.err,
            "mine: --layers: the model pairs has no such setting; omit the flag, or see mine models pairs\n");
  const Ran init = train({"--init", run_, "--taps", "3", "--steps", "2", "--warmup", "1", "--batch", "2", "--out",
                          directory_ / "next", "--corpus-chars", "2000"});
  EXPECT_EQ(init.code, 0) << init.err;
  const Ran differs = train({"--init", run_, "--taps", "2", "--out", directory_ / "no"});
  EXPECT_EQ(differs.code, 2);
  EXPECT_TRUE(contains(differs.err, cat("--taps 2: the model in ", run_, " has 3"))) << differs.err;
  const Ran fresh = train({"--taps", "2", "--out", directory_ / "no"});
  EXPECT_EQ(fresh.code, 2);
  EXPECT_TRUE(contains(fresh.err, "--taps: the model transformer has no such setting")) << fresh.err;
}

TEST_F(OwnModel, HasNoMemoryEstimateAndNoPlanWithoutACostFunction) {
  const Ran trained = start("pairs", run_);
  const std::string no_estimate = "no memory estimate, because the model pairs has no cost function";
  EXPECT_TRUE(contains(trained.err, no_estimate)) << trained.err;
  EXPECT_FALSE(contains(trained.err, "B of memory"));
  std::string info = run_own({"mine", "info", run_}).out;
  info.erase(std::remove(info.begin(), info.end(), '\n'), info.end());
  EXPECT_TRUE(contains(info, "no memory estimate, because")) << info;
  const std::string json = run_own({"mine", "info", run_, "--json"}).out;
  EXPECT_TRUE(contains(json, "\"training_bytes\":null")) << json;
  const std::string text = directory_ / "text";
  write_file_atomically(text, std::string(4000, 'a') + std::string(4000, 'b'));
  const Ran plain = train({"--model", "pairs", "--data", text, "--out", directory_ / "no"});
  EXPECT_EQ(plain.code, 2);
  EXPECT_EQ(
      plain.err,
      "mine: --steps: is missing; there is no plan for the model pairs, which has no cost function; set its sizes "
      "and --steps\n");
  const Ran minutes = train({"--model", "pairs", "--data", text, "--minutes", "1", "--out", directory_ / "no"});
  EXPECT_EQ(minutes.code, 2);
  EXPECT_EQ(minutes.err,
            "mine: --minutes: no plan for the model pairs, which has no cost function; set its sizes and "
            "--steps instead\n");
  EXPECT_FALSE(path_exists(directory_ / "no"));
}

TEST_F(OwnModel, ReceivesHiddenAsAWidth) {
  const auto hidden = [&](const std::string& model, std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--width", "24", "--force"});
    const Ran ran = start(model, run_, std::move(flags));
    EXPECT_EQ(ran.code, 0) << ran.err;
    return made_hidden;
  };
  EXPECT_EQ(hidden("hidden-width", {}), 96);
  EXPECT_EQ(hidden("hidden-width", {"--hidden", "5"}), 5);
  EXPECT_EQ(hidden("hidden-width", {"--hidden", "0"}), 0);
  EXPECT_EQ(hidden("hidden-parts", {}), 96);
  EXPECT_EQ(hidden("hidden-parts", {"--feed-forward", "swiglu"}), 64);
  EXPECT_EQ(RunDirectory(run_).load_info().config.hidden, -1) << "config.json keeps the setting";
}

TEST_F(OwnModel, IsRefusedBeforeTheFirstStepIfItBreaksItsContract) {
  struct Case {
    const char *model, *line;
  };
  for (const Case& c :
       {Case{"wide", "the logits of 2 sequences of 8 tokens are [2,8,35]; return [B,T,V] = [2,8,34]"},
        Case{"short", "the logits of 2 sequences of 8 tokens are [2,7,34]; return [B,T,V] = [2,8,34]"},
        Case{"flat", "the logits of 2 sequences of 8 tokens are [16,34]; return [B,T,V] = [2,8,34]"},
        Case{"masked-wide", "the logits of 2 sequences of 8 tokens are [2,8,35]; return [B,T,V] = [2,8,34]"},
        Case{"leaks",
             "the logits at token 0 depend on tokens from 4 on, so training would see the answers; use earlier "
             "tokens only, or override objective()"},
        Case{"mixes",
             "the logits of a sequence depend on another sequence of the batch; compute each sequence on its "
             "own"},
        Case{"other-vocabulary",
             "its vocabulary() is 35, and the text has 34 different tokens; return the number that "
             "make receives"},
        Case{"other-context", "its context() is 9, and --context is 8; return --context"},
        Case{"nothing", "its make function returned null; return a model"}}) {
    const Ran ran = start(c.model, run_, {"--quiet"});
    EXPECT_EQ(ran.code, 1) << c.model;
    EXPECT_EQ(ran.err, cat("mine: --model ", c.model, ": ", c.line, "\n"));
    EXPECT_FALSE(path_exists(run_)) << c.model;
  }
  // A bidirectional model may use later tokens, and random numbers do not count as a dependence.
  for (const char* model : {"masked-leaks", "draws", "random"}) {
    const Ran trained = start(model, run_, {"--force"});
    EXPECT_EQ(trained.code, 0) << trained.err;
  }
}

TEST_F(OwnModel, IsCheckedWithoutChangingTheGenerator) {
  RunConfig c;
  c.model = "draws";
  c.context = 8, c.batch = 2, c.steps = 2, c.warmup = 1, c.corpus_chars = 2000;
  Trainer trainer(c, load_run_data(c), "");
  EXPECT_EQ(generator().state(), *made_generator);
  trainer.run();
  EXPECT_NE(generator().state(), *made_generator) << "every forward pass draws random numbers";
}

TEST_F(OwnModel, SeesItsProgramsNameInHelpErrorsAndCompletion) {
  const std::string help = run_own({"./bin/bigram", "--help"}).out;
  EXPECT_TRUE(contains(help, "Headlight trains small language models on text"));
  EXPECT_TRUE(contains(help, "\nUsage: bigram COMMAND [OPTIONS]\n"));
  EXPECT_TRUE(contains(help, "\n  bigram train --data my.txt --out runs/mine\n"));
  EXPECT_TRUE(contains(help, "\nbigram COMMAND --help describes a command;"));
  EXPECT_TRUE(contains(run_own({"bigram", "train", "--help"}).out, "kind of model; see bigram models [transformer]"));
  EXPECT_EQ(run_own({"./bigram", "nope"}).err, "bigram: nope: unknown command; see bigram --help\n");
  EXPECT_TRUE(contains(run_own({"bigram", "info", "/nonexistent"}).err, "train it with: bigram train --out"));
  // The word headlight in a path is not replaced.
  EXPECT_TRUE(contains(run_own({"bigram", "info", "runs/headlight"}).err, "runs/headlight: no such run"));
  EXPECT_TRUE(contains(run_own({"bigram", "completion", "bash"}).out, "\ncomplete -F _bigram_words bigram\n"));
  EXPECT_TRUE(contains(run_own({"my-model", "completion", "bash"}).out, "\ncomplete -F _my_model_words my-model\n"));
  EXPECT_TRUE(contains(run_own({"bigram", "completion", "zsh"}).out, "#compdef bigram\n"));
  EXPECT_TRUE(contains(run_own({"bigram", "man"}).out, ".SH NAME\nbigram \\- train small language models"));
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_FALSE(contains(run_own({"bigram", "completion", shell}).out, "headlight ")) << shell;
  for (const char* command :
       {"train",        "sample",      "chat",          "fill",         "eval",        "heads",  "heads show",
        "heads ablate", "heads prune", "heads recover", "heads report", "heads study", "info",   "export",
        "import",       "plot",        "corpus",        "bench",        "models",      "lesson", "completion",
        "man"}) {
    std::vector<std::string> words = {"bigram"};
    std::istringstream pieces(command);
    for (std::string piece; pieces >> piece;) words.push_back(piece);
    words.emplace_back("--help");
    const std::string text = run_own(words).out;
    EXPECT_TRUE(contains(text, cat("Usage: bigram ", command))) << command;
    EXPECT_FALSE(contains(text, "headlight ")) << command;
  }
  // A name that a shell would split.
  EXPECT_TRUE(contains(run_own({"my program", "--help"}).out, "\nUsage: headlight COMMAND [OPTIONS]\n"));
}

}  // namespace
}  // namespace headlight::tests
