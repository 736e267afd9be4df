// Measures a model's loss at every visible context from one set of windows.
#include "lessons/01_context/curves.h"

#include <algorithm>

#include "data/ngram.h"
#include "headlight/headlight.h"

namespace headlight::lessons {

namespace {

// The losses on kTargets consecutive symbols of a text. The window that starts at symbol s predicts symbol s + k from
// exactly k symbols, for k = 1 .. 64 at once. So a window at every start gives every target at every visible context.
Losses losses_by_context(const LanguageModel& model, const TokenText& text, const std::string& what,
                         const LessonProgress& progress) {
  const NoGrad no_recording;
  Losses losses(kContext, std::vector<double>(kTargets));
  constexpr Index kRows = 64, kStarts = kTargets + kContext - 1;
  Batch batch;
  for (Index first = 0; first < kStarts; first += kRows) {
    progress(what, first, kStarts);
    std::vector<Window> windows;
    for (Index s = first; s < std::min(first + kRows, kStarts); ++s) windows.push_back({s, s + 1, s + kContext});
    fill_windows(text, windows, kContext, batch);
    const Tensor log_p = log_softmax(model(batch.inputs, batch.rows));  // [B,T,V]
    const float* p = log_p.data<float>();
    for (Index row = 0; row < batch.rows; ++row)
      for (Index k = 1; k <= kContext; ++k) {
        const Index target = first + row + k - kContext;  // 0: the first symbol that all 64 contexts predict
        if (target < 0 || target >= kTargets) continue;
        const Index at = row * kContext + k - 1;
        losses[static_cast<std::size_t>(k - 1)][static_cast<std::size_t>(target)] =
            -static_cast<double>(p[at * log_p.size(-1) + batch.targets[static_cast<std::size_t>(at)]]);
      }
  }
  return losses;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

Curves measure(const std::string& name, LessonText& data, Index steps, const LessonOptions& options,
               const LessonProgress& progress) {
  // Windows begin anywhere. If they began only where documents begin, position k would be the k-th symbol of a
  // document.
  TokenText &seen = data.split.train, &held_out = data.split.validation;
  seen.starts.clear();
  held_out.starts.clear();
  seed_generator(options.seed);
  TransformerLM model({.vocabulary = data.vocabulary.size(), .context = kContext, .layers = 2, .width = 64});
  train(model, seen, {.steps = steps, .learning_rate = 5e-3, .seed = options.seed}, name, progress);

  Curves curves{.losses = losses_by_context(model, held_out, name + ", evaluation", progress), .model = {0}};
  for (const std::vector<double>& of_k : curves.losses) curves.model.push_back(mean_of(of_k));
  const std::vector<std::int32_t> counted = seen.ids.copy(), targets = held_out.ids.copy();
  const NgramModel counts(counted, data.vocabulary.size(), 5);
  for (int order = 1; order <= 5; ++order)
    curves.ngram.push_back(counts.loss(targets, kContext, kContext + kTargets, order));
  curves.floor = data.text.floor(data.split.cut + kContext, data.split.cut + kContext + kTargets);
  return curves;
}

}  // namespace headlight::lessons
