// Filling a gap in a text: a bidirectional encoder against a causal model.
#include "lessons/09_three_shapes/fill_in.h"

#include <algorithm>
#include <map>

#include "base/format.h"
#include "lessons/09_three_shapes/optimize.h"

namespace headlight::lessons {

namespace {

constexpr Index kFillSteps = 800, kTests = 300;
constexpr double kPeak = 3e-3, kMaskShare = 0.4;

// One more than the symbols of the text: the encoder's mask. The causal model gets an unused symbol instead, so that
// both have equally many parameters.
TransformerConfig config_of(Index vocabulary) {
  return {
      .vocabulary = vocabulary, .context = kTalesContext, .layers = 2, .heads = 4, .width = 64, .position = "rotary"};
}

void train_on_tales(LanguageModel& model, const TokenText& text, std::uint64_t seed, const std::string& what,
                    const LessonProgress& progress) {
  Rng windows(seed), hidden(seed + 1);
  Batch batch;
  optimize(model, kFillSteps, kPeak, what, progress, [&] {
    random_windows(text, kTalesContext, kTalesBatch, windows, batch);
    model.prepare(batch.inputs, batch.targets, batch.rows, hidden);  // hides symbols from the encoder
    return cross_entropy(model(batch.inputs, batch.rows), batch.targets);
  });
}

Index best_of(const std::vector<double>& scores) {
  return std::max_element(scores.begin(), scores.end()) - scores.begin();
}

// Per number of symbols after the gap that a model sees: the number of gaps that it fills with the right symbol.
using Right = std::map<Index, Index>;

// The first kGap + 1 + after symbols of each window.
std::vector<std::int32_t> beginnings(const Batch& tests, Index after) {
  std::vector<std::int32_t> ids;
  for (Index row = 0; row < tests.rows; ++row) {
    const auto begin = tests.inputs.begin() + row * kTalesContext;
    ids.insert(ids.end(), begin, begin + kGap + 1 + after);
  }
  return ids;
}

Index right_of_encoder(const EncoderLM& model, const Batch& tests, Index after) {
  std::vector<std::int32_t> ids = beginnings(tests, after);
  const auto length = static_cast<std::size_t>(kGap + 1 + after);
  for (std::size_t gap = kGap; gap < ids.size(); gap += length) ids[gap] = model.mask();
  const Tensor logits = slice(model(ids, tests.rows), 1, kGap, kGap + 1);  // [B,1,V]
  const std::vector<double> all = logits.to_vector();
  Index right = 0;
  for (Index row = 0; row < tests.rows; ++row) {
    const auto first = all.begin() + row * model.vocabulary();
    right += best_of({first, first + model.vocabulary()}) ==
             tests.inputs[static_cast<std::size_t>(row * kTalesContext + kGap)];
  }
  return right;
}

// Puts each of the `symbols` candidates into the gap and adds log P of the candidate and of the symbols after it.
void add_right_of_causal(const TransformerLM& model, const Batch& tests, Index row, Index symbols, Right& right) {
  const auto begin = tests.inputs.begin() + row * kTalesContext;
  std::vector<std::int32_t> ids;
  for (Index c = 0; c < symbols; ++c) {
    ids.insert(ids.end(), begin, begin + kTalesContext);
    ids[static_cast<std::size_t>(c * kTalesContext + kGap)] = static_cast<std::int32_t>(c);
  }
  const Tensor log_p = log_softmax(model(ids, symbols));  // [candidates,T,V+1]
  const float* const p = log_p.data<float>();
  std::vector<double> scores(static_cast<std::size_t>(symbols), 0);
  for (Index t = kGap; t < kTalesContext; ++t) {
    for (Index c = 0; c < symbols; ++c)
      scores[static_cast<std::size_t>(c)] += static_cast<double>(
          p[(c * kTalesContext + t - 1) * model.vocabulary() + ids[static_cast<std::size_t>(c * kTalesContext + t)]]);
    if (const auto found = right.find(t - kGap); found != right.end()) found->second += best_of(scores) == begin[kGap];
  }
}

}  // namespace

TalesModels untrained_tales_models(std::uint64_t seed) {
  LessonText text = lesson_text("tales", 300'000, kTalesContext, seed);
  text.split.train.starts.clear();  // windows may begin anywhere
  text.split.validation.starts.clear();
  const Index symbols = text.vocabulary.size();
  seed_generator(seed);
  return {std::move(text), TransformerLM(config_of(symbols + 1)), EncoderLM(config_of(symbols), kMaskShare)};
}

GapAccuracy fill_gaps(TalesModels& models, const LessonOptions& options, const LessonProgress& progress,
                      LessonResult& result) {
  const Index symbols = models.text.vocabulary.size();
  train_on_tales(models.causal, models.text.split.train, options.seed, "tales, causal model", progress);
  train_on_tales(models.encoder, models.text.split.train, options.seed, "tales, encoder", progress);

  const NoGrad no_recording;
  Batch tests;
  Rng rng(options.seed + 100);
  random_windows(models.text.split.validation, kTalesContext, kTests, rng, tests);
  Right causal, encoder;
  for (const Index after : {0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 31}) causal[after] = encoder[after] = 0;
  for (auto& [after, right] : encoder) {
    progress("filling gaps, encoder", after, kGap);
    right = right_of_encoder(models.encoder, tests, after);
  }
  for (Index row = 0; row < kTests; ++row) {
    progress("filling gaps, causal model", row, kTests);
    add_right_of_causal(models.causal, tests, row, symbols, causal);
  }
  const auto percent = [](Index count) { return 100.0 * static_cast<double>(count) / kTests; };

  Table table{"Right symbol in the gap, by the number of symbols after the gap that count",
              {"symbols after the gap", "encoder", "causal, every candidate scored"},
              {}};
  Chart chart{"Right symbol in the gap", "symbols after the gap", "%"};
  chart.series = {{"encoder", Color::kBlue, {}}, {"causal, every candidate scored", Color::kYellow, {}}};
  for (const auto& [after, right] : encoder) {
    table.rows.push_back(
        {cat(after), fixed_text(percent(right), 1) + "%", fixed_text(percent(causal[after]), 1) + "%"});
    chart.series[0].points.push_back({static_cast<double>(after), percent(right)});
    chart.series[1].points.push_back({static_cast<double>(after), percent(causal[after])});
  }
  result.tables.push_back(std::move(table));
  result.charts.push_back(std::move(chart));
  const GapAccuracy accuracy{percent(encoder[31]), percent(causal[0]), percent(causal[31])};
  result.figures.insert(
      result.figures.end(),
      {{"gap_encoder", accuracy.encoder},
       {"gap_encoder_left", percent(encoder[0])},
       {"gap_left", percent(causal[0])},
       {"gap_two", percent(causal[2])},
       {"gap_all", percent(causal[31])},
       {"parameters", static_cast<double>(models.causal.parameter_count())},
       {"parameters_differ", static_cast<double>(models.causal.parameter_count() - models.encoder.parameter_count())}});
  return accuracy;
}

}  // namespace headlight::lessons
