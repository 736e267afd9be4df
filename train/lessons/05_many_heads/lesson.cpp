// Lesson 5: 1, 2, 4 and 8 heads on `chorus`, which needs four look-ups at once, and on `roles`, which needs one.
#include "lessons/lesson.h"

#include <algorithm>
#include <optional>

#include "base/format.h"
#include "headlight/base/text.h"
#include "headlight/training/evaluate.h"
#include "lessons/05_many_heads/ablation.h"
#include "lessons/05_many_heads/one_layer.h"

namespace headlight::lessons {

namespace {

constexpr Index kChars = 400'000;

double above_floor(const TransformerLM& model, const LessonText& text) {
  const Evaluation e = evaluate(model, text.split.validation, kWindows);
  return e.loss - floor_of(e.windows, validation_log_probability(text));
}

// The retention matrix of a model on chorus: a row for the whole model and one for each ablated head.
void measure_retention(const TransformerLM& model, const LessonText& text, LessonResult& result) {
  const ExpertTables tables(text, model.context(), kWindows);
  const Tensor means = mean_outputs(model, tables.batch());
  Table table{cat("Retention on chorus, ", model.config().heads, " heads: 1 = used fully, 0 = not used"),
              {"ablated", "loses most"},
              {}};
  for (const Expert& expert : text.text.experts) table.columns.push_back(expert.name);
  const std::vector<double> whole = tables.retention(model);
  std::vector<std::string> names;
  std::vector<Index> lost_with(whole.size(), 0);
  double own = 0, others = 1, last = 1;
  for (Index head = -1; head < model.config().heads; ++head) {
    std::optional<AblateHead> hook;
    if (head >= 0) hook.emplace(means, head);
    const std::vector<double> k = tables.retention(model);
    std::size_t main = 1;  // expert 0 reads the last symbol, which needs no attention
    for (std::size_t e = 1; e < k.size(); ++e)
      if (k[e] / whole[e] < k[main] / whole[main]) main = e;
    table.rows.push_back({head < 0 ? "nothing" : cat("H", head), head < 0 ? "" : text.text.experts[main].name});
    for (std::size_t e = 0; e < k.size(); ++e) table.rows.back().push_back(fixed_text(k[e], 2));
    if (head < 0) continue;
    names.push_back(cat("H", head, " ", text.text.experts[main].name));
    ++lost_with[main];
    own = std::max(own, k[main] / whole[main]);
    for (std::size_t e = 1; e < k.size(); ++e)
      if (e != main) others = std::min(others, k[e] / whole[e]);
    last = std::min(last, k[0] / whole[0]);
  }
  result.tables.push_back(table);
  const auto sources = std::count_if(lost_with.begin(), lost_with.end(), [](Index n) { return n > 0; });
  const std::string suffix = cat("_", model.config().heads);
  result.figures.insert(result.figures.end(), {{"sources" + suffix, static_cast<double>(sources)},
                                               {"own" + suffix, own},
                                               {"others" + suffix, others},
                                               {"last" + suffix, last}});
  if (model.config().heads == 4)
    result.maps.push_back(attention_map("chorus, 4 heads: what each head attends to", model, text, names));
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  const LessonText chorus = lesson_text("chorus", kChars, 64, options.seed);
  result.tables.push_back(
      {"Loss above the floor on chorus, equal parameters", {"heads", "size of a head", "parameters", "nats"}, {}});
  Series losses{"chorus", Ink::kBlue, {}};
  for (const Index heads : {1, 2, 4, 8}) {
    seed_generator(options.seed);
    TransformerLM model(one_layer(chorus, 64, heads, "learned"));
    train(model, chorus.split.train, {.steps = 3000, .learning_rate = 6e-3, .seed = options.seed},
          cat("chorus, ", heads, heads == 1 ? " head" : " heads"), progress);
    const double loss = above_floor(model, chorus);
    losses.points.push_back({static_cast<double>(heads), loss});
    result.tables[0].rows.push_back({cat(heads), cat(64 / heads), cat(model.parameter_count()), fixed_text(loss, 3)});
    result.figures.push_back({cat("chorus_", heads), loss});
    if (heads >= 4) measure_retention(model, chorus, result);
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
