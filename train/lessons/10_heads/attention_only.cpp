// The attention-only models of lesson 10, and the untrained baseline.
#include "lessons/10_heads/attention_only.h"

#include <algorithm>

#include "headlight/base/random.h"

namespace headlight::lessons {

TransformerLM attention_only(Index vocabulary, Index context, std::uint64_t seed) {
  seed_generator(seed);
  TransformerConfig config{.vocabulary = vocabulary, .context = context, .layers = kLayers, .heads = kHeads};
  config.width = kHeads * kSize;
  config.hidden = 0;
  config.tied = false;
  config.position = "rotary";
  return TransformerLM(config);
}

double largest_untrained(Index vocabulary, const ProbeText& text, std::uint64_t seed, Index count,
                         const LessonProgress& progress) {
  double largest = -1;
  for (Index i = 0; i < count; ++i) {
    progress("untrained models", i, count);
    const TransformerLM model = attention_only(vocabulary, text.length, 1000 * seed + static_cast<std::uint64_t>(i));
    const Activations run = run_and_record(model, text);
    for (Index layer = 0; layer < kLayers; ++layer)
      for (Index h = 0; h < kHeads; ++h)
        largest = std::max(largest, score_head(run, layer, h, text, text.induction).kappa());
  }
  return largest;
}

}  // namespace headlight::lessons
