// Lesson 5: 1, 2, 4 and 8 heads on `chorus`, which needs four look-ups at once, and on `roles`, which needs one.
#include "lessons/lesson.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "base/format.h"
#include "headlight/base/text.h"
#include "headlight/training/evaluate.h"
#include "lessons/05_many_heads/ablation.h"

namespace headlight::lessons {

namespace {

constexpr Index kWidth = 64, kWindows = 64, kChars = 400'000, kMapLength = 32;
constexpr double kServes = 0.1;  // nats: a head serves a rule if the rule's loss increases by more without the head
constexpr std::array kLookUps = {"previous", "third", "topic", "digit"};

// One attention layer without a feed-forward part. The sizes of the matrices do not depend on the number of heads.
TransformerConfig config(const LessonText& text, Index context, Index heads, PositionKind position) {
  return {.vocabulary = text.vocabulary.size(),
          .context = context,
          .layers = 1,
          .heads = heads,
          .width = kWidth,
          .hidden = 0,
          .position = position};
}

std::vector<double> validation_log_probability(const LessonText& text) {
  return {text.text.log_probability.begin() + text.split.cut, text.text.log_probability.end()};
}

double above_floor(const TransformerLM& model, const LessonText& text) {
  const Evaluation e = evaluate(model, text.split.validation, kWindows);
  return e.loss - floor_of(e.windows, validation_log_probability(text));
}

// The loss of each rule in kLookUps; a model that looks up perfectly has loss 0.
std::array<double, kLookUps.size()> look_up_losses(const TransformerLM& model, const LessonText& text) {
  const std::vector<std::uint8_t> rules(text.text.rule.begin() + text.split.cut, text.text.rule.end());
  std::array<double, kLookUps.size()> losses{};
  for (const RuleLoss& rule : loss_by_rule(evaluate(model, text.split.validation, kWindows),
                                           validation_log_probability(text), rules, text.text.rule_names))
    if (const auto* at = std::find(kLookUps.begin(), kLookUps.end(), rule.rule); at != kLookUps.end())
      losses[static_cast<std::size_t>(at - kLookUps.begin())] = rule.loss;
  return losses;
}

AttentionMap attention_map(const std::string& title, const TransformerLM& model, const LessonText& text,
                           const std::vector<std::string>& names) {
  const std::vector<std::int32_t> ids =
      text.split.validation.ids.copy(text.split.validation.starts[0], text.split.validation.starts[0] + kMapLength);
  AttentionMap map{.title = title, .queries = {}, .keys = {}, .heads = {}};
  for (const std::int32_t id : ids)
    map.keys.push_back(text.vocabulary.piece(id) == "\n" ? "⏎" : text.vocabulary.piece(id));
  map.queries = map.keys;
  const Tensor weights = attention_weights(model, ids);  // [1,H,T,T]
  const float* from = weights.data<float>();
  for (const std::string& name : names) {
    map.heads.push_back({name, {from, from + kMapLength * kMapLength}});
    from += kMapLength * kMapLength;
  }
  return map;
}

// The retention matrix of a model on chorus: a row for the whole model and one for each ablated head.
void measure_retention(const TransformerLM& model, const LessonText& text, LessonResult& result) {
  const ExpertTables tables(text, model.context(), kWindows);
  const Tensor means = mean_outputs(model, tables.batch());
  Table table{cat("Retention on chorus, ", model.config().heads, " heads: 1 = used fully, 0 = not used"),
              {"ablated", "reads most"},
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

// Trains on roles, and tells which look-ups each head serves.
double measure_roles(const LessonText& text, Index heads, std::uint64_t seed, const LessonProgress& progress,
                     LessonResult& result) {
  seed_generator(seed);
  TransformerLM model(config(text, 96, heads, PositionKind::kRotary));
  train(model, text.split.train, {.steps = 4000, .learning_rate = 3e-3, .seed = seed},
        cat("roles, ", heads, heads == 1 ? " head" : " heads"), progress);
  Table table{cat("Loss on the look-ups of roles, ", heads, heads == 1 ? " head" : " heads"), {"ablated"}, {}};
  for (const char* name : kLookUps) table.columns.emplace_back(name);
  Batch batch;
  fill_windows(text.split.validation, evaluation_windows(text.split.validation, 96, kWindows, Padding::kNone), 96,
               batch);
  const Tensor means = mean_outputs(model, batch);
  const auto whole = look_up_losses(model, text);
  Index most = 0;
  for (Index head = -1; head < heads; ++head) {
    std::optional<AblateHead> hook;
    if (head >= 0) hook.emplace(means, head);
    const auto losses = look_up_losses(model, text);
    table.rows.push_back({head < 0 ? "nothing" : cat("H", head)});
    Index serves = 0;
    for (std::size_t r = 0; r < losses.size(); ++r) {
      table.rows.back().push_back(fixed_text(losses[r], 3));
      serves += losses[r] > whole[r] + kServes;
    }
    most = std::max(most, serves);
  }
  result.tables.push_back(table);
  double mean = 0;
  for (const double loss : whole) mean += loss / static_cast<double>(whole.size());
  result.figures.push_back({cat("roles_", heads), mean});
  result.figures.push_back({cat("serves_", heads), static_cast<double>(most)});
  if (heads == 1)
    result.maps.push_back(attention_map("roles, 1 head: the query selects the look-up", model, text, {"H0 all rules"}));
  return mean;
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  const LessonText chorus = lesson_text("chorus", kChars, 64, options.seed);
  result.tables.push_back(
      {"Loss above the floor on chorus, equal parameters", {"heads", "size of a head", "parameters", "nats"}, {}});
  Series losses{"chorus", Ink::kBlue, {}};
  for (const Index heads : {1, 2, 4, 8}) {
    seed_generator(options.seed);
    TransformerLM model(config(chorus, 64, heads, PositionKind::kLearned));
    train(model, chorus.split.train, {.steps = 3000, .learning_rate = 6e-3, .seed = options.seed},
          cat("chorus, ", heads, heads == 1 ? " head" : " heads"), progress);
    const double loss = above_floor(model, chorus);
    losses.points.push_back({static_cast<double>(heads), loss});
    result.tables[0].rows.push_back(
        {cat(heads), cat(kWidth / heads), cat(model.parameter_count()), fixed_text(loss, 3)});
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
  result.charts.push_back(
      {.title = "Loss above the floor on chorus", .x_name = "heads", .y_name = "nats", .series = {losses}});
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
              "A prediction of `chorus` needs four earlier symbols at once; a prediction of `roles` needs one, and "
              "which one it is varies. On which text does one wide head come within 0.1 nats of four narrow heads?",
          .choices = {"on both", "on roles only", "on chorus only", "on neither"},
          .files = {"include/headlight/nn/multi_head_attention.h", "src/nn/multi_head_attention.cpp",
                    "include/headlight/nn/hook.h", "train/lessons/05_many_heads/ablation.cpp", "src/corpora/chorus.h",
                    "src/heads/sources/retention.h"},
          .run = run};
}

}  // namespace headlight::lessons
