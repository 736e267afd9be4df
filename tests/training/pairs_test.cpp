// Tests of files of pairs: parsing, the split, the vocabulary, and training an encoder-decoder on them.
#include <gtest/gtest.h>

#include "headlight/training/evaluate.h"
#include "os/file.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"
#include "training/resolve.h"
#include "training/trainer.h"

namespace headlight {
namespace {

RunConfig config_of(const std::string& path) {
  RunConfig c;
  c.model = "encoder-decoder";
  c.pairs = path;
  c.layers = 1;
  c.heads = 2;
  c.width = 16;
  c.context = 12;
  c.batch = 4;
  c.steps = 6;
  c.eval_every = 3;
  c.val_fraction = 0.25;
  return c;
}

class Pairs : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    write_file_atomically(directory_ / "pairs.txt", text);
    return directory_ / "pairs.txt";
  }
  std::string error(const std::string& text) {
    const std::string path = write(text);
    const std::string message = error_of([&] { load_run_data(config_of(path)); });
    return message.substr(0, path.size()) == path ? message.substr(path.size()) : message;
  }
  TemporaryDirectory directory_;
};

TEST_F(Pairs, SplitsByLinesAndNumbersTabAndLineBreakFirst) {
  const RunData data = load_run_data(config_of(write("ab\tc\r\nb\tca\nc\tb\nd\te")));
  EXPECT_TRUE(data.pairs);
  EXPECT_EQ(data.vocabulary.characters(), U"\t\nabcde");
  EXPECT_EQ(data.vocabulary.decode(data.train.ids.copy()), "\nab\tc\nb\tca\nc\tb\n");
  EXPECT_EQ(data.train.starts, (std::vector<Index>{0, 5, 10}));
  EXPECT_EQ(data.vocabulary.decode(data.validation.ids.copy()), "\nd\te\n");
  EXPECT_EQ(data.longest_pair(), 5);
  EXPECT_FALSE(data.has_floor());
}

TEST_F(Pairs, RefusesLinesThatAreNoPairs) {
  EXPECT_EQ(error("a\tb\nab\nc\td\n"), ": line 2 has no tab; write a source, a tab and a target in every line");
  EXPECT_EQ(error("a\tb\nc\td\te\n"), ": line 2 has 2 tabs; write a source, a tab and a target in every line");
  EXPECT_EQ(error("\tb\n"), ": line 1 has no source; write a source, a tab and a target in every line");
  EXPECT_EQ(error("a\t\r\n"), ": line 1 has no target; write a source, a tab and a target in every line");
  EXPECT_EQ(error("a\tb\n\nc\td\n"), ": line 2 has no tab; write a source, a tab and a target in every line");
  EXPECT_TRUE(contains(error(""), "the file is empty"));
  EXPECT_TRUE(contains(error("a\t\xff\n"), "UTF-8"));
}

TEST_F(Pairs, RefusesOtherTextsBeforeAnythingIsWritten) {
  const std::string run = directory_ / "run";
  RunConfig c = config_of("");
  c.corpus_chars = 2000;
  EXPECT_EQ(error_of([&] { Trainer trainer(c, load_run_data(c), run); }),
            "--model encoder-decoder: needs pairs of characters; give --pairs FILE or --corpus numbers");
  c = config_of(write("ab\tc\nbcdefgh\tabcd\nc\tb\nd\te\n"));
  EXPECT_TRUE(contains(error_of([&] { Trainer trainer(c, load_run_data(c), run); }),
                       "the longest pair has 13 tokens with its line break, but --context is 12; use --context 13"));
  c.tokens = TokenUnit::kByte;
  EXPECT_TRUE(contains(error_of([&] { load_run_data(c); }), "--pairs: needs --tokens character"));
  EXPECT_FALSE(path_exists(run));
  c = config_of("x");
  c.data = "y";
  EXPECT_TRUE(contains(error_of([&] { c.check(); }), "--pairs and --data cannot both be given"));
  const Vocabulary other = Vocabulary::of_characters(U"abc", "x");
  EXPECT_TRUE(
      contains(error_of([&] { load_run_data(config_of(write("ab\tc\n")), &other); }), "model trained on pairs"));
}

TEST_F(Pairs, ResumedRunsEqualUninterruptedOnes) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += cat(i, "\t", 2 * i, "\n");
  const RunConfig c = config_of(write(text));
  Trainer whole(c, load_run_data(c), directory_ / "whole");
  whole.run();
  {
    Trainer part(c, load_run_data(c), directory_ / "part");
    part.run([](const StepRecord& r) { return r.step < 2; });
  }
  const RunConfig stored = RunDirectory(directory_ / "part").load_info().config;
  const auto resumed = Trainer::resume(stored, load_run_data(stored), directory_ / "part");
  resumed->run();
  EXPECT_EQ(resumed->last_val_loss(), whole.last_val_loss());
  for (std::size_t i = 0; i < whole.model().parameters().size(); ++i)
    EXPECT_EQ(whole.model().parameters()[i].value.to_vector(), resumed->model().parameters()[i].value.to_vector());
}

// Other families read the pairs as a text, whose windows begin at a line.
TEST_F(Pairs, ATransformerTrainsOnPairsAsText) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += cat(i, "\t", 2 * i, "\n");
  RunConfig c = config_of(write(text));
  c.model = "transformer";
  Trainer trainer(c, load_run_data(c), "");
  trainer.run();
  EXPECT_TRUE(trainer.finished());
  c.context = 1000;
  EXPECT_TRUE(contains(error_of([&] { Trainer other(c, load_run_data(c), ""); }), "needs at least 1001"));
}

}  // namespace
}  // namespace headlight
