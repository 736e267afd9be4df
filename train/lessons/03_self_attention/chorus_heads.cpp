// Trains a small language model on `chorus` and measures the attention of its heads.
#include "lessons/03_self_attention/chorus_heads.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "headlight/headlight.h"
#include "lessons/03_self_attention/copying.h"
#include "lessons/training.h"

namespace headlight::lessons {

namespace {

constexpr Index kContext = 64, kHeads = 4, kWindows = 64, kHalf = kContext / 2;

struct KeepWeights : Hook {
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind == HookSite::Kind::kAttentionWeights) weights = x.clone();
    return x;
  }
  Tensor weights;  // [B,H,T,T]
};

// A head's attention, averaged over windows and over queries in the second half of the window.
struct MeanAttention {
  double previous = 0, first = 0, seen = 0;
  double first_near = 0, first_far = 0;  // on the first symbol, from positions 2 .. 9 and 55 .. 62
};

// A window begins with the line break before the line, so the first symbol of the line is at position 1.
std::array<MeanAttention, kHeads> mean_attention(const std::vector<double>& weights) {
  std::array<MeanAttention, kHeads> result{};
  for (Index b = 0; b < kWindows; ++b)
    for (Index h = 0; h < kHeads; ++h)
      for (Index t = 2; t < kContext; ++t) {
        const double* row = weights.data() + ((b * kHeads + h) * kContext + t) * kContext;
        MeanAttention& of_head = result[static_cast<std::size_t>(h)];
        if (t < 10) of_head.first_near += row[1] / (kWindows * 8);
        if (t >= 55 && t < 63) of_head.first_far += row[1] / (kWindows * 8);
        if (t < kHalf) continue;
        of_head.previous += row[t - 1] / (kWindows * kHalf);
        of_head.first += row[1] / (kWindows * kHalf);
        of_head.seen += effective_count(row, kContext) / (kWindows * kHalf);
      }
  return result;
}

// The head with the largest `member`.
const MeanAttention& most(const std::array<MeanAttention, kHeads>& heads, double MeanAttention::*member) {
  return *std::max_element(heads.begin(), heads.end(),
                           [&](const MeanAttention& a, const MeanAttention& b) { return a.*member < b.*member; });
}

}  // namespace

double add_chorus_heads(const LessonOptions& options, const LessonProgress& progress, LessonResult& result) {
  const LessonText text = lesson_text("chorus", 200'000, kContext, options.seed);
  seed_generator(options.seed);
  TransformerLM model({.vocabulary = text.vocabulary.size(),
                       .context = kContext,
                       .layers = 1,
                       .heads = kHeads,
                       .width = 64,
                       .hidden = 0,
                       .tied = false});
  Batch batch;
  Rng rng(options.seed);
  random_windows(text.split.validation, kContext, kWindows, rng, batch);
  const auto attention = [&] {
    KeepWeights keep;
    model(batch.inputs, batch.rows);
    return keep.weights.to_vector();
  };
  const std::array<MeanAttention, kHeads> before = mean_attention(attention());
  train(model, text.split.train, {.steps = 3000, .batch = 32, .learning_rate = 5e-3, .seed = options.seed},
        "predicting chorus", progress);
  const std::vector<double> weights = attention();
  const std::array<MeanAttention, kHeads> after = mean_attention(weights);

  Table table{"Heads of a model of chorus, in the second half of the line (33 to 64 symbols are visible)",
              {"head", "on the previous symbol", "on the first symbol", "effective number", "before training"},
              {}};
  AttentionMap map{"A line of chorus", {}, {}, {}};
  for (Index t = 0; t < kContext; ++t) {
    const std::string symbol = text.vocabulary.decode({batch.inputs.data() + t, 1});
    map.queries.push_back(symbol == "\n" ? "↵" : symbol);
  }
  map.keys = map.queries;
  double untrained = 0;
  for (std::size_t h = 0; h < kHeads; ++h) {
    const MeanAttention& a = after[h];
    table.rows.push_back({cat("L0H", h), fixed_text(a.previous, 2), fixed_text(a.first, 2), fixed_text(a.seen, 1),
                          fixed_text(before[h].seen, 1)});
    untrained += before[h].seen / kHeads;
    const auto begin = weights.begin() + static_cast<std::ptrdiff_t>(h) * kContext * kContext;
    map.heads.push_back({cat("L0H", h), std::vector<float>(begin, begin + kContext * kContext)});
  }
  const MeanAttention &previous = most(after, &MeanAttention::previous), &first = most(after, &MeanAttention::first);
  result.tables.push_back(table);
  result.tables.push_back(
      {"The head that reads the first symbol: its weight on it",
       {"read from", "weight"},
       {{"position 2 to 9", fixed_text(first.first_near, 2)}, {"position 55 to 62", fixed_text(first.first_far, 2)}}});
  result.maps.push_back(map);
  result.figures.insert(result.figures.end(), {{"chorus_previous", previous.previous},
                                               {"chorus_first", first.first},
                                               {"seen_previous", previous.seen},
                                               {"seen_first", first.seen},
                                               {"seen_untrained", untrained},
                                               {"first_near", first.first_near},
                                               {"first_far", first.first_far}});
  result.finding = cat("Late in a line of chorus, the head that reads the first symbol spreads its weights over ",
                       fixed_text(first.seen, 1), " symbols; before training they were spread over ",
                       fixed_text(untrained, 1), ", which is all of them.");
  return first.seen;
}

}  // namespace headlight::lessons
