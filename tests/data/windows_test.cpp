// Windows: the validation split, random windows and evaluation windows, for plain text and for documents.
#include "headlight/data/windows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "headlight/ops/ops.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

// Tokens 0, 1, 2, ...: each token is its own position.
TokenText counted(Index n, std::vector<Index> starts = {}) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(n));
  std::iota(ids.begin(), ids.end(), 0);
  return {ids, std::move(starts)};
}

// Documents of random lengths; many shorter and a few longer than `context`.
TokenText documents(Index n, Index context, Rng& rng) {
  std::vector<Index> starts;
  for (Index at = 0; at < n; at += 1 + rng.below(rng.below(4) == 0 ? 3 * context : context)) starts.push_back(at);
  return counted(n, starts);
}

TEST(DocumentEnd, IsWhatAllDocumentsEndWith) {
  using Ids = std::vector<std::int32_t>;
  EXPECT_EQ(document_end({Ids{1, 7, 8, 9, 2, 3, 8, 9, 4, 8, 9, 5, 5}, {3, 7, 10}}), (Ids{8, 9}));
  EXPECT_EQ(document_end({Ids{1, 7, 8, 9, 8, 9, 4, 7, 8, 9}, {3, 5, 9}}), (Ids{8, 9}));  // a document of the mark alone
  EXPECT_EQ(document_end({Ids{1, 2, 3, 4}, {0, 1, 2}}), Ids{});
  EXPECT_EQ(document_end({Ids{1, 2, 3, 4}, {0, 2}}), (Ids{2, 3}));
  EXPECT_EQ(document_end({Ids{1, 2, 3, 4}, {0}}), Ids{});
  EXPECT_EQ(document_end({Ids{1, 2, 3, 4}, {}}), Ids{});
}

TEST(SplitText, KeepsTheEndForValidation) {
  const TokenSplit split = split_text(counted(100), 0.1, 5, "text");
  EXPECT_EQ(split.cut, 90);
  EXPECT_EQ(split.train.ids.size(), 90u);
  EXPECT_EQ(split.train.ids[89], 89);
  EXPECT_EQ(split.validation.ids.size(), 10u);
  EXPECT_EQ(split.validation.ids[0], 90);
}

TEST(SplitText, WithoutValidationTrainsOnAll) {
  const TokenSplit split = split_text(counted(6), 0, 5, "text");
  EXPECT_EQ(split.train.ids.size(), 6u);
  EXPECT_TRUE(split.validation.ids.empty());
}

TEST(SplitText, CutsAtTheStartOfADocument) {
  const TokenSplit split = split_text(counted(100, {0, 30, 60, 85, 95}), 0.1, 5, "text");  // 90 is inside 85..94
  EXPECT_EQ(split.cut, 85);
  EXPECT_EQ(split.train.starts, (std::vector<Index>{0, 30, 60}));
  EXPECT_EQ(split.validation.starts, (std::vector<Index>{0, 10}));
  EXPECT_EQ(split.validation.ids[0], 85);
  const TokenSplit exact = split_text(counted(100, {0, 30, 60, 90}), 0.1, 5, "text");
  EXPECT_EQ(exact.cut, 90);
}

TEST(SplitText, SaysWhichPartIsTooShort) {
  EXPECT_TRUE(contains(error_of([] { split_text(counted(64), 0, 64, "my.txt"); }),
                       "my.txt: the training part has 64 tokens, but a context of 64 needs at least 65"));
  EXPECT_TRUE(contains(error_of([] { split_text(counted(200), 0.1, 64, "my.txt"); }),
                       "my.txt: the validation part has 20 tokens, but a context of 64 needs at least 65"));
  EXPECT_TRUE(contains(error_of([] { split_text(counted(0), 0.1, 1, "my.txt"); }), "has 0 tokens"));
  EXPECT_EQ(error_of([] { split_text(counted(65), 0, 64, "my.txt"); }), "(no error)");
  for (const double fraction : {-0.1, 1.0, 2.0, std::nan("")})
    EXPECT_TRUE(contains(error_of([=] { split_text(counted(100), fraction, 4, "my.txt"); }), "is outside [0, 1)"));
}

TEST(RandomWindows, TargetsAreTheNextTokens) {
  Rng rng(3);
  Batch batch;
  random_windows(counted(50), 7, 20, rng, batch);
  EXPECT_EQ(batch.rows, 20);
  ASSERT_EQ(batch.inputs.size(), 140u);
  ASSERT_EQ(batch.targets.size(), 140u);
  for (std::size_t i = 0; i < 140; ++i) {
    EXPECT_EQ(batch.targets[i], batch.inputs[i] + 1);
    if (i % 7 == 0) continue;
    EXPECT_EQ(batch.inputs[i], batch.inputs[i - 1] + 1) << "a window is one piece";
  }
}

// Pearson's statistic of counts that should be equal: mean `cells - 1`, standard deviation sqrt(2 (cells - 1)).
double chi_squared(const std::vector<Index>& counts) {
  const double expected =
      static_cast<double>(std::accumulate(counts.begin(), counts.end(), Index{0})) / static_cast<double>(counts.size());
  double sum = 0;
  for (const Index n : counts)
    sum += (static_cast<double>(n) - expected) * (static_cast<double>(n) - expected) / expected;
  return sum;
}

TEST(RandomWindows, AreUniformOverAllPlaces) {
  Rng rng(5);
  Batch batch;
  std::vector<Index> counts(20);  // 24 tokens, windows of 4 + 1: starts 0..19, the last token only a target
  random_windows(counted(24), 4, 40000, rng, batch);
  for (std::size_t i = 0; i < batch.inputs.size(); i += 4) ++counts.at(static_cast<std::size_t>(batch.inputs[i]));
  EXPECT_LT(chi_squared(counts), 19 + 5 * std::sqrt(2 * 19.0));
}

TEST(RandomWindows, OfDocumentsBeginWhereTheyDo) {
  Rng rng(5);
  Batch batch;
  const std::vector<Index> starts = {0, 3, 9, 10, 15, 16, 19};  // 20 tokens, windows of 4 + 1: 15 is the last that fits
  random_windows(counted(20, starts), 4, 20000, rng, batch);
  std::vector<Index> counts(5);
  for (std::size_t i = 0; i < batch.inputs.size(); i += 4) {
    const auto at = std::find(starts.begin(), starts.begin() + 5, batch.inputs[i]);
    ASSERT_NE(at, starts.begin() + 5) << batch.inputs[i];
    ++counts[static_cast<std::size_t>(at - starts.begin())];
  }
  EXPECT_LT(chi_squared(counts), 4 + 5 * std::sqrt(8.0));
}

TEST(RandomWindows, AreDrawnByTheSeed) {
  Batch a, b, c;
  Rng one(7), same(7), other(8);
  random_windows(counted(1000), 4, 50, one, a);
  random_windows(counted(1000), 4, 50, same, b);
  random_windows(counted(1000), 4, 50, other, c);
  EXPECT_EQ(a.inputs, b.inputs);
  EXPECT_NE(a.inputs, c.inputs);
  random_windows(counted(1000), 4, 50, one, b);
  EXPECT_NE(a.inputs, b.inputs) << "the next batch is another one";
}

TEST(RandomWindows, NeedATextThatIsLongEnough) {
  Rng rng(1);
  Batch batch;
  EXPECT_TRUE(contains(error_of([&] { random_windows(counted(8), 8, 1, rng, batch); }),
                       "a text of 8 tokens has no window of 8"));
  EXPECT_TRUE(contains(error_of([&] { random_windows(counted(20, {15}), 8, 1, rng, batch); }), "has no window of 8"));
}

TEST(EvaluationWindows, PredictEveryTokenOfAPlainTextOnce) {
  for (const Index context : {1, 2, 7, 8, 100}) {
    for (const Index n : {2, 3, 8, 9, 15, 16, 17, 100}) {
      std::vector<int> predicted(static_cast<std::size_t>(n));
      for (const Window& w : evaluation_windows(counted(n), context)) {
        EXPECT_EQ(w.first, w.start + 1);
        EXPECT_LE(w.last, w.start + context);
        for (Index i = w.first; i <= w.last; ++i) ++predicted.at(static_cast<std::size_t>(i));
      }
      EXPECT_EQ(predicted[0], 0);
      for (std::size_t i = 1; i < predicted.size(); ++i)
        EXPECT_EQ(predicted[i], 1) << i << " of " << n << ", " << context;
    }
  }
}

TEST(EvaluationWindows, OfNothingAreNone) {
  EXPECT_TRUE(evaluation_windows(counted(0), 4).empty());
  EXPECT_TRUE(evaluation_windows(counted(1), 4).empty());
  EXPECT_TRUE(evaluation_windows(counted(1, {0}), 4).empty());
}

TEST(EvaluationWindows, OfDocumentsSeeAllTheEvidenceThereIs) {
  Rng rng(11);
  for (int round = 0; round < 300; ++round) {
    const Index context = 1 + rng.below(12), n = 2 + rng.below(80);
    const TokenText text = documents(n, context, rng);
    std::vector<int> predicted(static_cast<std::size_t>(n));
    for (const Window& w : evaluation_windows(text, context)) {
      EXPECT_TRUE(std::binary_search(text.starts.begin(), text.starts.end(), w.start))
          << "a window begins with a document";
      EXPECT_LE(w.last, w.start + context) << "beyond the context";
      EXPECT_GE(w.first, w.start + 1);
      for (Index i = w.first; i <= w.last; ++i) ++predicted.at(static_cast<std::size_t>(i));
    }
    // Each token within `context` of its document's start is predicted once. The first token of a document is predicted
    // if it lies within `context` of the start of the document before it.
    for (std::size_t d = 0; d < text.starts.size(); ++d) {
      const Index start = text.starts[d], end = d + 1 < text.starts.size() ? text.starts[d + 1] : n;
      for (Index i = start; i < end; ++i) {
        int wanted = i - start <= context ? 1 : 0;
        if (i == start) wanted = i > 0 && start - text.starts[d - 1] <= context ? 1 : 0;  // a document's first token
        EXPECT_EQ(predicted[static_cast<std::size_t>(i)], wanted)
            << i << ", document at " << start << ", context " << context;
      }
    }
  }
}

TEST(FillWindows, IgnoresWhatDoesNotCount) {
  const TokenText text = counted(10, {0, 3, 8});
  Batch batch;
  fill_windows(text, std::vector<Window>{{0, 1, 2}, {8, 9, 9}}, 4, batch);
  constexpr std::int32_t x = kIgnoredTarget;
  EXPECT_EQ(batch.rows, 2);
  EXPECT_EQ(batch.inputs, (std::vector<std::int32_t>{0, 1, 2, 3, 8, 9, 0, 0}));  // padding after the end
  EXPECT_EQ(batch.targets, (std::vector<std::int32_t>{1, 2, x, x, 9, x, x, x}));
}

// The first input of each window.
std::vector<Index> starts_of(const Batch& batch, Index context) {
  std::vector<Index> starts;
  for (std::size_t at = 0; at < batch.inputs.size(); at += static_cast<std::size_t>(context))
    starts.push_back(batch.inputs[at]);
  return starts;
}

// From every offset below 7, 141 windows of 7 fit into 1000 tokens. Sorted, an epoch's windows are adjacent.
TEST(EpochWindows, EachEpochReadsTheTextOnce) {
  const TokenText text = counted(1000);
  constexpr Index kContext = 7, kWindows = 141;
  std::vector<std::vector<Index>> orders;
  std::vector<Index> offsets;
  for (Index epoch = 0; epoch < 40; ++epoch) {
    Batch batch;
    epoch_windows(text, kContext, epoch * kWindows, kWindows, 3, batch);
    ASSERT_EQ(batch.rows, kWindows);
    for (std::size_t i = 0; i < batch.inputs.size(); ++i) ASSERT_EQ(batch.targets[i], batch.inputs[i] + 1);
    std::vector<Index> starts = starts_of(batch, kContext);
    orders.push_back(starts);
    std::sort(starts.begin(), starts.end());
    offsets.push_back(starts[0]);
    for (Index i = 0; i < kWindows; ++i) ASSERT_EQ(starts[static_cast<std::size_t>(i)], starts[0] + i * kContext);
  }
  EXPECT_EQ(*std::min_element(offsets.begin(), offsets.end()), 0);
  EXPECT_GE(*std::max_element(offsets.begin(), offsets.end()), kContext - 1);
  // Correlations of a window's place in the text with its place in the epoch, and of the places in two neighboring
  // epochs. For random orders, a correlation has a standard deviation of 0.08, and the average of 39 has 0.014.
  const auto ranks = [&](std::size_t epoch) {
    std::vector<double> places;
    for (const Index start : orders[epoch]) places.push_back(static_cast<double>((start - offsets[epoch]) / kContext));
    return places;
  };
  const auto correlation = [](const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - 70) * (b[i] - 70);
    return sum / (static_cast<double>(kWindows) * (kWindows * kWindows - 1) / 12);
  };
  std::vector<double> line(kWindows);
  std::iota(line.begin(), line.end(), 0);
  double with_text = 0, with_next = 0;
  for (std::size_t epoch = 0; epoch + 1 < orders.size(); ++epoch) {
    with_text += correlation(line, ranks(epoch)) / 39;
    with_next += correlation(ranks(epoch), ranks(epoch + 1)) / 39;
  }
  EXPECT_NEAR(with_text, 0, 0.06);
  EXPECT_NEAR(with_next, 0, 0.06);
}

TEST(EpochWindows, DependOnTheSeedAndNotOnTheDivisionIntoBatches) {
  const TokenText text = counted(500);
  Batch all, part, other;
  epoch_windows(text, 8, 0, 200, 5, all);
  const std::vector<Index> starts = starts_of(all, 8);
  for (Index first = 0; first < 200; first += 40) {
    epoch_windows(text, 8, first, 40, 5, part);
    EXPECT_EQ(starts_of(part, 8), std::vector(starts.begin() + first, starts.begin() + first + 40)) << first;
  }
  epoch_windows(text, 8, 0, 200, 6, other);
  EXPECT_NE(starts_of(other, 8), starts);
}

TEST(EpochWindows, ShortTextsAndDocuments) {
  Batch batch;
  epoch_windows(counted(9), 8, 0, 3, 1, batch);  // a single window
  EXPECT_EQ(starts_of(batch, 8), (std::vector<Index>{0, 0, 0}));
  EXPECT_TRUE(contains(error_of([&] { epoch_windows(counted(8), 8, 0, 1, 1, batch); }),
                       "a text of 8 tokens has no window of 8"));
  const TokenText text = counted(60, {0, 7, 20, 31, 40, 58});  // from 58 on, no window of 8 follows
  for (Index epoch = 0; epoch < 5; ++epoch) {
    epoch_windows(text, 8, 5 * epoch, 5, 1, batch);
    std::vector<Index> starts = starts_of(batch, 8);
    std::sort(starts.begin(), starts.end());
    EXPECT_EQ(starts, (std::vector<Index>{0, 7, 20, 31, 40}));
    epoch_documents(text, 8, 6 * epoch, 6, 1, batch);
    starts = starts_of(batch, 8);
    std::sort(starts.begin(), starts.end());
    EXPECT_EQ(starts, text.starts);
  }
}

// Models of pairs read one document at a time, so every document has a window, including the last.
TEST(DocumentWindows, OneForEachDocument) {
  const TokenText text = counted(12, {0, 3, 9});
  const std::vector<Window> windows = document_windows(text, 5);
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_EQ(windows[0].start, 0);
  EXPECT_EQ(windows[0].first, 1);
  EXPECT_EQ(windows[0].last, 5);
  EXPECT_EQ(windows[2].start, 9);
  EXPECT_EQ(windows[2].last, 11);
  EXPECT_EQ(document_windows(text, 5, 2)[1].start, 3);
  Rng rng(1);
  Batch batch;
  random_documents(text, 5, 300, rng, batch);
  EXPECT_EQ(batch.rows, 300);
  std::vector<Index> counts(12);
  constexpr std::int32_t x = kIgnoredTarget;
  for (std::size_t row = 0; row < 300; ++row) {
    const auto at = batch.inputs.begin() + static_cast<std::ptrdiff_t>(5 * row);
    const auto target = batch.targets.begin() + static_cast<std::ptrdiff_t>(5 * row);
    ++counts[static_cast<std::size_t>(*at)];
    if (*at != 9) continue;
    EXPECT_EQ(std::vector(at, at + 2), (std::vector<std::int32_t>{9, 10}));
    EXPECT_EQ(std::vector(target, target + 5), (std::vector<std::int32_t>{10, 11, x, x, x}));
  }
  for (const Index start : text.starts)
    EXPECT_NEAR(static_cast<double>(counts[static_cast<std::size_t>(start)]), 100, 30);
  EXPECT_NE(error_of([&] { random_documents(counted(12), 5, 1, rng, batch); }), "(no error)");
}

}  // namespace
}  // namespace headlight
