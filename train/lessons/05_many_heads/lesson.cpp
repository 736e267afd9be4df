// Lesson 5: 1, 2, 4 and 8 heads on `chorus`, which needs four look-ups at once, and on `roles`, which needs one.
#include "lessons/lesson.h"

#include <algorithm>
#include <numeric>

#include "base/format.h"
#include "headlight/base/text.h"
#include "headlight/training/evaluate.h"
#include "lessons/05_many_heads/ablation.h"
#include "lessons/05_many_heads/one_layer.h"
#include "lessons/05_many_heads/random_subspace.h"

namespace headlight::lessons {

namespace {

constexpr Index kChars = 400'000;

double above_floor(const TransformerLM& model, const LessonText& text) {
  const Evaluation e = evaluate(model, text.split.validation, kWindows);
  return e.loss - floor_of(e.windows, validation_log_probability(text));
}

constexpr int kRotations = 5;

// The retention matrix of a model on chorus: a row for each ablated head, and two for random subspaces of a head's size.
void measure_retention(const TransformerLM& model, const LessonText& text, std::uint64_t seed,
                       const LessonProgress& progress, LessonResult& result) {
  const Index heads = model.config().heads;
  const auto& experts = text.text.experts;
  const ExpertTables tables(text, model.context(), kWindows);
  const Tensor means = mean_outputs(model, tables.batch());
  const std::vector<double> whole = tables.factors(model);
  // With the active hook: the factor of each expert, divided by that of the whole model.
  const auto retention = [&] {
    std::vector<double> k = tables.factors(model);
    for (std::size_t e = 0; e < k.size(); ++e) k[e] /= whole[e];
    return k;
  };
  // The most affected source. Expert 0 is left out: its source is the last symbol, which needs no attention.
  const auto most_affected = [](const std::vector<double>& k) {
    return static_cast<std::size_t>(std::min_element(k.begin() + 1, k.end()) - k.begin());
  };
  Table table{cat("Retention on chorus, ", heads, " heads: 1 = unchanged, 0 = lost"), {"ablated", "affects most"}, {}};
  for (const Expert& expert : experts) table.columns.push_back(expert.name);
  const auto add_row = [&](const std::string& ablated, const std::string& affected, const std::vector<double>& k) {
    table.rows.push_back({ablated, affected});
    for (const double value : k) table.rows.back().push_back(fixed_text(value, 2));
  };
  std::vector<std::string> names;
  std::vector<Index> affected_by(whole.size(), 0);
  double own = 0, others = 1, last = 1;
  for (Index head = 0; head < heads; ++head) {
    const AblateHead hook(means, head);
    const std::vector<double> k = retention();
    const std::size_t source = most_affected(k);
    add_row(cat("H", head), experts[source].name, k);
    names.push_back(cat("H", head, " ", experts[source].name));
    ++affected_by[source];
    own = std::max(own, k[source]);
    for (std::size_t e = 1; e < k.size(); ++e)
      if (e != source) others = std::min(others, k[e]);
    last = std::min(last, k[0]);
  }
  Rng rng(seed);
  std::vector<double> mean(whole.size(), 0), least(whole.size(), 1);  // of all subspaces
  for (int rotation = 0; rotation < kRotations; ++rotation) {
    progress(cat("random subspaces, ", heads, " heads"), rotation, kRotations);
    for (const Tensor& u : random_subspaces(heads, model.config().width / heads, rng)) {
      const AblateSubspace hook(means, u);
      const std::vector<double> k = retention();
      for (std::size_t e = 0; e < k.size(); ++e) {
        mean[e] += k[e] / static_cast<double>(kRotations * heads);
        least[e] = std::min(least[e], k[e]);
      }
    }
  }
  add_row(cat("random subspace, mean of ", kRotations * heads), "", mean);
  add_row(cat("random subspace, least of ", kRotations * heads), "", least);
  result.tables.push_back(table);
  const auto sources = std::count_if(affected_by.begin(), affected_by.end(), [](Index n) { return n > 0; });
  const auto four = static_cast<double>(mean.size() - 1);
  const std::string suffix = cat("_", heads);
  result.figures.insert(result.figures.end(),
                        {{"sources" + suffix, static_cast<double>(sources)},
                         {"own" + suffix, own},
                         {"others" + suffix, others},
                         {"last" + suffix, last},
                         {"random" + suffix, std::accumulate(mean.begin() + 1, mean.end(), 0.0) / four},
                         {"random_least" + suffix, *std::min_element(least.begin() + 1, least.end())}});
  if (heads == 4)
    result.maps.push_back(attention_map("chorus, 4 heads: what each head attends to", model, text, names));
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  const LessonText chorus = lesson_text("chorus", kChars, 64, options.seed);
  result.tables.push_back(
      {"Loss above the floor on chorus, equal parameters", {"heads", "size of a head", "parameters", "nats"}, {}});
  Series losses{"chorus", Color::kBlue, {}};
  for (const Index heads : {1, 2, 4, 8}) {
    seed_generator(options.seed);
    TransformerLM model(one_layer(chorus, 64, heads, "learned"));
    train(model, chorus.split.train, {.steps = 3000, .learning_rate = 6e-3, .seed = options.seed},
          cat("chorus, ", heads, heads == 1 ? " head" : " heads"), progress);
    const double loss = above_floor(model, chorus);
    losses.points.push_back({static_cast<double>(heads), loss});
    result.tables[0].rows.push_back({cat(heads), cat(64 / heads), cat(model.parameter_count()), fixed_text(loss, 3)});
    result.figures.push_back({cat("chorus_", heads), loss});
    if (heads >= 4) measure_retention(model, chorus, options.seed, progress, result);
  }
  const LessonText roles = lesson_text("roles", kChars, 96, options.seed);
  const double one = measure_roles(roles, 1, options.seed, progress, result);
  const double four = measure_roles(roles, 4, options.seed, progress, result);
  const double chorus_gap = losses.points[0].y - losses.points[2].y;
  const bool chorus_close = chorus_gap < 0.1, roles_close = one - four < 0.1;
  result.answer = chorus_close ? (roles_close ? 0 : 2) : (roles_close ? 1 : 3);
  result.finding =
      cat("With one head instead of four the loss is ", fixed_text(chorus_gap, 2), " nats higher on chorus, and ",
          fixed_text(one - four, 3), " nats higher on the look-ups of roles.");
  result.charts.push_back({.title = "Loss above the floor on chorus",
                           .x_name = "heads",
                           .y_name = "nats",
                           .series = {losses},
                           .levels = {{"1 head", losses.points[0].y}}});
  return result;
}

}  // namespace

Lesson many_heads() {
  return {.number = 5,
          .folder = "05_many_heads",
          .title = "Many heads",
          .claim = "heads see different things",
          .seconds = 45,
          .minutes_to_read = 10,
          .exercise = "split and merge heads",
          .exercise_minutes = 20,
          .difficulty = 2,
          .needs = "lesson 3",
          .question =
              "A prediction of chorus needs four earlier symbols at once; a prediction of roles needs one, and "
              "which one it is varies. On which text does one wide head come within 0.1 nats of four narrow heads?",
          .choices = {"on both", "on roles only", "on chorus only", "on neither"},
          .files = {"include/headlight/nn/multi_head_attention.h", "src/nn/multi_head_attention.cpp",
                    "include/headlight/nn/hook.h", "train/lessons/05_many_heads/ablation.cpp", "src/corpora/chorus.h",
                    "src/heads/sources/retention.h"},
          .run = run};
}

}  // namespace headlight::lessons
