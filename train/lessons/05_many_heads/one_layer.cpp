// One attention layer on `roles`, where a prediction needs a single look-up.
#include "lessons/05_many_heads/one_layer.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/format.h"
#include "headlight/base/text.h"
#include "headlight/training/evaluate.h"
#include "lessons/05_many_heads/ablation.h"

namespace headlight::lessons {

namespace {

constexpr Index kMapLength = 32;
constexpr double kServes = 0.1;  // nats: a head serves a rule if ablating the head increases the rule's loss by more
constexpr std::array kLookUps = {"previous", "third", "topic", "digit"};

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

}  // namespace

TransformerConfig one_layer(const LessonText& text, Index context, Index heads, const std::string& position) {
  return {.vocabulary = text.vocabulary.size(),
          .context = context,
          .layers = 1,
          .heads = heads,
          .width = 64,
          .hidden = 0,
          .position = position,
          .tied = false};
}

std::vector<double> validation_log_probability(const LessonText& text) {
  return {text.text.log_probability.begin() + text.split.cut, text.text.log_probability.end()};
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

double measure_roles(const LessonText& text, Index heads, std::uint64_t seed, const LessonProgress& progress,
                     LessonResult& result) {
  seed_generator(seed);
  TransformerLM model(one_layer(text, 96, heads, "rotary"));
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

}  // namespace headlight::lessons
