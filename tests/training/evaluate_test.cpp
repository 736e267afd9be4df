// Tests of evaluate(), the entropy floor, and load_run_data().
#include "headlight/training/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "headlight/corpora/corpus.h"
#include "support/expect_error.h"
#include "support/tiny_run.h"

namespace headlight {
namespace {

std::unique_ptr<TransformerLM> model(Index vocabulary, Index context) {
  seed_generator(2);
  TransformerConfig config;
  config.vocabulary = vocabulary;
  config.context = context;
  config.layers = 1;
  config.heads = 2;
  config.width = 8;
  config.dropout = 0.5;  // evaluate() must not apply it
  auto made = std::make_unique<TransformerLM>(config);
  for (const NamedTensor& p : made->parameters()) {  // make the predictions far from uniform
    Tensor value = p.value;
    if (p.value.rank() == 2)
      for (Index i = 0; i < value.numel(); ++i) value.data<float>()[i] *= 20;
  }
  return made;
}

// -ln softmax of each target, one window and one position at a time.
double by_hand(const TransformerLM& m, const TokenText& text, std::span<const Window> windows, Index* count) {
  double sum = 0;
  *count = 0;
  for (const Window& w : windows) {
    for (Index i = w.first; i <= w.last; ++i) {
      const auto length = static_cast<std::size_t>(i - w.start);
      const Tensor logits = m(text.ids.copy(w.start, i), 1);
      const Index v = m.config().vocabulary;
      const float* row = logits.data<float>() + (static_cast<Index>(length) - 1) * v;
      double total = 0;
      for (Index k = 0; k < v; ++k) total += std::exp(static_cast<double>(row[k]));
      sum += std::log(total) - static_cast<double>(row[text.ids[static_cast<std::size_t>(i)]]);
      ++*count;
    }
  }
  return sum / static_cast<double>(*count);
}

TokenText random_text(int length, Rng& rng) {
  std::vector<std::int32_t> ids;
  for (int i = 0; i < length; ++i) ids.push_back(static_cast<std::int32_t>(rng.below(7)));
  return {ids, {}};
}

TEST(Evaluate, IsTheMeanLossOfEveryPrediction) {
  Rng rng(1);
  for (const bool documents : {false, true}) {
    TokenText text = random_text(101, rng);
    if (documents) text.starts = {0, 4, 15, 17, 40, 77, 98};
    const auto m = model(7, 8);
    const Evaluation e = evaluate(*m, text);
    Index count = 0;
    EXPECT_NEAR(e.loss, by_hand(*m, text, evaluation_windows(text, 8), &count), 1e-5);
    EXPECT_EQ(e.predictions, count);
    EXPECT_GT(e.loss, 0.5);
    if (!documents) {
      EXPECT_EQ(count, 100);
    }
    const Evaluation some = evaluate(*m, text, 3);
    ASSERT_EQ(some.windows.size(), 3u);
    EXPECT_NEAR(some.loss, by_hand(*m, text, some.windows, &count), 1e-5);
    EXPECT_EQ(some.predictions, count);
    EXPECT_EQ(evaluate(*m, text, 1000).loss, e.loss) << "more than there are: all";
  }
}

TEST(Evaluate, SeveralBatchesMakeOneMean) {
  Rng rng(1);
  const TokenText text = random_text(9001, rng);  // more than the 4096 tokens of one batch
  const auto m = model(7, 8);
  Index count = 0;
  const double wanted = by_hand(*m, text, evaluation_windows(text, 8), &count);
  const Evaluation e = evaluate(*m, text);
  EXPECT_NEAR(e.loss, wanted, 1e-5);
  EXPECT_EQ(e.predictions, 9000);
}

TEST(Evaluate, DrawsNothing) {
  const auto m = model(7, 8);
  const TokenText text{std::vector<std::int32_t>(50, 3), {}};
  const Rng::State before = generator().state();
  const double first = evaluate(*m, text).loss;
  EXPECT_EQ(evaluate(*m, text).loss, first);
  EXPECT_EQ(generator().state(), before);
  EXPECT_TRUE(contains(error_of([&] { evaluate(*m, text, -1); }), "evaluate: -1 windows"));
}

TEST(FloorOf, IsTheMeanOverWhatIsPredicted) {
  const std::vector<double> log_probability = {-100, -1, -2, -3, -100, -5};
  EXPECT_DOUBLE_EQ(floor_of(std::vector<Window>{{0, 1, 3}, {4, 5, 5}}, log_probability), (1 + 2 + 3 + 5) / 4.0);
  EXPECT_DOUBLE_EQ(floor_of(std::vector<Window>{{2, 3, 3}}, log_probability), 3);
  EXPECT_EQ(floor_of({}, log_probability), 0);
}

TEST(RunData, OfACorpusKnowsItsFloor) {
  RunConfig c = tiny_config();
  c.corpus_chars = 20000;
  const RunData d = load_run_data(c);
  EXPECT_TRUE(d.has_floor());
  EXPECT_EQ(d.validation.ids.size(), d.validation_log_probability.size());
  EXPECT_EQ(d.source, "tales");
  const std::string text = d.vocabulary.decode(d.validation.ids.copy());
  for (const Index start : d.validation.starts)
    EXPECT_TRUE(start == 0 || text[static_cast<std::size_t>(start - 1)] == '\n') << start;
  const auto windows = evaluation_windows(d.validation, 64);
  const double floor = floor_of(windows, d.validation_log_probability);
  EXPECT_GT(floor, 0.1);
  EXPECT_LT(floor, 0.5);
  // No model has a lower loss, and an untrained model has a higher one.
  const auto m = model(d.vocabulary.size(), 64);
  EXPECT_GT(evaluate(*m, d.validation).loss, floor);
  EXPECT_EQ(load_run_data(c).fingerprint, d.fingerprint);
  c.corpus_chars = 21000;  // adds a few tales
  EXPECT_NE(load_run_data(c).fingerprint, d.fingerprint);
}

TEST(RunData, OfACorpusSaysWhichPartIsTooShort) {
  RunConfig c = tiny_config();
  c.corpus_chars = 1000;
  c.context = 4000;
  EXPECT_TRUE(contains(error_of([&] { load_run_data(c); }), "tales: the training part has "));
  EXPECT_TRUE(contains(error_of([&] { load_run_data(c); }), "use more --corpus-chars or a shorter --context"));
}

TEST(RunData, OfAFile) {
  const TemporaryDirectory directory;
  RunConfig c = tiny_config();
  const RunData d = tiny_data(directory, c);
  EXPECT_FALSE(d.has_floor());
  EXPECT_EQ(d.vocabulary.decode(d.train.ids.copy()) + d.vocabulary.decode(d.validation.ids.copy()), tiny_text());
  c.tokens = TokenUnit::kByte;
  const RunData bytes = tiny_data(directory, c);
  EXPECT_TRUE(bytes.vocabulary.is_bytes());
  EXPECT_EQ(bytes.train.ids.size() + bytes.validation.ids.size(), tiny_text().size());
  write_file_atomically(directory / "changed", tiny_text() + "x");
  c = tiny_config();
  c.data = directory / "changed";
  EXPECT_NE(load_run_data(c).fingerprint, d.fingerprint);
  EXPECT_TRUE(contains(error_of([&] { load_run_data(c, &d.vocabulary); }), "character "));
}

}  // namespace
}  // namespace headlight
