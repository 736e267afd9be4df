#include "headlight/run/evaluate.h"

#include <algorithm>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"

namespace headlight {

Evaluation evaluate(const CharTransformer& model, const TokenText& text, Index most) {
  const NoGrad no_recording;
  const Index context = model.config().context;
  Evaluation result;
  result.windows = evaluation_windows(text, context);
  const auto all = static_cast<Index>(result.windows.size());
  if (most > 0 && most < all) {
    std::vector<Window> some;
    for (Index i = 0; i < most; ++i) some.push_back(result.windows[static_cast<std::size_t>(i * all / most)]);
    result.windows = std::move(some);
  }
  constexpr Index kTokens = 4096;  // a batch: enough to keep the cores busy, little memory
  const auto rows = static_cast<std::size_t>(std::max<Index>(1, kTokens / context));
  double sum = 0;
  Batch batch;
  for (std::size_t first = 0; first < result.windows.size(); first += rows) {
    const std::size_t count = std::min(rows, result.windows.size() - first);
    fill_windows(text, std::span(result.windows).subspan(first, count), context, batch);
    const auto predicted =
        batch.rows * context - std::count(batch.targets.begin(), batch.targets.end(), kIgnoredTarget);
    const Tensor loss = cross_entropy(model(batch.inputs, batch.rows), batch.targets);
    sum += loss.item() * static_cast<double>(predicted);
    result.predictions += predicted;
  }
  result.loss = result.predictions > 0 ? sum / static_cast<double>(result.predictions) : 0;
  return result;
}

double floor_of(std::span<const Window> windows, std::span<const double> log_probability) {
  double sum = 0;
  Index count = 0;
  for (const Window& w : windows) {
    for (Index i = w.first; i <= w.last; ++i) sum -= log_probability[static_cast<std::size_t>(i)];
    count += w.last - w.first + 1;
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

}  // namespace headlight
