// Accuracy on single gaps: from both sides, from the left context, and by the probability of the whole window.
#include "training/gap_accuracy.h"

#include <algorithm>
#include <numeric>

#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"
#include "headlight/ops/ops.h"

namespace headlight {

namespace {

constexpr std::uint64_t kPlaces = 0x9a95;  // seed of the hidden places

std::int32_t best(std::span<const float> values) {
  return static_cast<std::int32_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

// The token that makes the window most probable. log P(window) is the sum of log P(token t | tokens before t). The
// terms before the gap are the same for every candidate, so they are left out.
std::int32_t best_by_sequence(const LanguageModel& model, std::span<const std::int32_t> window, std::size_t gap) {
  const Index vocabulary = model.vocabulary();
  std::vector<std::int32_t> rows;
  for (Index candidate = 0; candidate < vocabulary; ++candidate) {
    rows.insert(rows.end(), window.begin(), window.end());
    rows[rows.size() - window.size() + gap] = static_cast<std::int32_t>(candidate);
  }
  const Tensor log_p = log_softmax(model(rows, vocabulary));  // [V,T,V]
  std::vector<float> scores;
  for (std::size_t row = 0; row < rows.size(); row += window.size()) {
    double sum = 0;
    for (std::size_t t = gap; t < window.size(); ++t)
      sum += static_cast<double>(
          log_p.data<float>()[static_cast<Index>(row + t - 1) * vocabulary + static_cast<Index>(rows[row + t])]);
    scores.push_back(static_cast<float>(sum));
  }
  return best(scores);
}

}  // namespace

GapAccuracy gap_accuracy(const LanguageModel& model, const TokenText& text, Index gaps) {
  const bool masked = model.objective() == Objective::kMasked;
  if (!masked && model.objective() != Objective::kNextToken)
    fail("--gaps: the model maps a source to a target and has no gaps to fill; omit --gaps");
  const NoGrad no_recording;
  const Index context = model.context(), vocabulary = model.vocabulary();
  const std::vector<Window> windows =
      context < 2 ? std::vector<Window>() : evaluation_windows(text, context, gaps, Padding::kNone);
  if (windows.empty()) fail("--gaps: the text has no whole window of ", context, " tokens; use a longer text");
  GapAccuracy result{.gaps = static_cast<Index>(windows.size())};
  Index filled = 0, by_sequence = 0;
  Rng rng(kPlaces);
  for (const Window& w : windows) {
    std::vector<std::int32_t> ids = text.ids.copy(w.start, w.start + context);
    const auto gap = static_cast<std::size_t>(1 + rng.below(context - 1));
    const std::int32_t truth = ids[gap];
    const auto row_of = [&](const Tensor& logits, std::size_t t) {
      return std::span(logits.data<float>() + static_cast<Index>(t) * vocabulary, static_cast<std::size_t>(vocabulary));
    };
    if (masked) {
      ids[gap] = static_cast<std::int32_t>(vocabulary);
      filled += best(row_of(model(ids, 1), gap)) == truth ? 1 : 0;
    } else {
      filled += best(row_of(model(std::span(ids).first(gap), 1), gap - 1)) == truth ? 1 : 0;
      by_sequence += best_by_sequence(model, ids, gap) == truth ? 1 : 0;
    }
  }
  const auto share = [&](Index right) { return static_cast<double>(right) / static_cast<double>(result.gaps); };
  result.filled = share(filled);
  if (!masked) result.by_sequence = share(by_sequence);
  return result;
}

}  // namespace headlight
