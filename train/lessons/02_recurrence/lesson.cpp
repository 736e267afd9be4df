// Lesson 2: recall of one symbol against its distance, for recurrent networks and attention of equal size.
#include "lessons/lesson.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>

#include "base/format.h"
#include "lessons/02_recurrence/recall.h"

namespace headlight::lessons {

namespace {

constexpr Index kFixedRows = 8, kFixedSteps = 1500, kMixedRows = 16, kMixedSteps = 2000;
constexpr Index kDistances[] = {4, 8, 16, 32, 64}, kFarthestFixed = 32;
constexpr double kFixedRate = 5e-3, kMixedRate = 1e-2;
constexpr Color kInks[] = {Color::kRed, Color::kYellow, Color::kGreen, Color::kBlue};

std::string power_of_ten(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0e", value);
  return text;
}

// Distances from 1 to 64, short ones more often: each of 1-2, 2-4, ... 32-64 has the same share.
std::vector<Index> mixed_distances(Rng& rng) {
  std::vector<Index> distances;
  for (Index row = 0; row < kMixedRows; ++row)
    distances.push_back(static_cast<Index>(std::exp(rng.uniform() * std::log(kFarthest + 0.99))));
  return distances;
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  Table fixed{"Share of facts recalled, trained at that distance only", {"model", "width", "parameters"}, {}},
      mixed{"Share of facts recalled, trained on a mix of distances", {"model"}, {}},
      before{"Gradient norm at the fact, before training", {"model"}, {}},
      after{"Gradient norm at the fact, after the mixed training", {"model"}, {}};
  for (const Index distance : kDistances)
    for (Table* table : {&fixed, &mixed, &before, &after})
      if (table != &fixed || distance <= kFarthestFixed) table->columns.push_back(cat(distance));
  for (const char* column : {"32, after 200 steps at 32", "then |h| > 0.9"}) before.columns.push_back(column);
  Chart recalled{.title = "Recall against distance, trained at that distance only",
                 .x_name = "log2 of the distance",
                 .y_name = "share recalled",
                 .levels = {{"chance", 1.0 / kFacts}}},
      arriving{.title = "Gradient at the fact, before training", .x_name = "distance", .y_name = "log10 of the norm"};
  std::map<std::string, double> figures;

  for (std::size_t f = 0; f < kFamilies.size(); ++f) {
    const Family& family = kFamilies[f];
    const auto record = [&](const char* what, Index distance, double value) {
      return figures[cat(family.short_name, "_", what, "_", distance)] = value;
    };
    const std::unique_ptr<LanguageModel> model = make_model(family, options.seed);
    const Index width = model->parameters().front().value.size(1), parameters = parameters_of(*model);
    figures[cat(family.short_name, "_width")] = static_cast<double>(width);
    figures[cat(family.short_name, "_parameters")] = static_cast<double>(parameters);
    fixed.rows.push_back({family.name, cat(width), cat(parameters)});
    for (Table* table : {&mixed, &before, &after}) table->rows.push_back({family.name});
    recalled.series.push_back({family.name, kInks[f], {}});
    arriving.series.push_back({family.name, kInks[f], {}});

    for (const Index distance : kDistances) {
      const double norm = gradient(*model, distance);
      before.rows[f].push_back(power_of_ten(norm));
      arriving.series[f].points.push_back(
          {static_cast<double>(distance), record("before", distance, std::log10(norm))});
    }
    std::map<Index, double> cost;  // of one symbol of the training
    for (const Index distance : kDistances) {
      if (distance > kFarthestFixed) break;
      const std::unique_ptr<LanguageModel> fresh = make_model(family, options.seed);
      const auto next = [&](Rng& rng) { return recall(distance, std::vector<Index>(kFixedRows, distance), rng); };
      const std::clock_t start = std::clock();  // CPU time, so that other programs do not count
      train_recall(*fresh, kFixedSteps, kFixedRate, options.seed, next, [&](Index step) {
        progress(cat(family.name, ", distance ", distance), step, kFixedSteps);
        if (distance != kFarthestFixed || step != 200) return;
        const double norm = gradient(*fresh, distance);
        before.rows[f].push_back(power_of_ten(norm));
        record("early", distance, std::log10(norm));
        const bool recurrent = family.short_name != "attention";
        before.rows[f].push_back(recurrent ? fixed_text(record("saturated", distance, saturation(family, *fresh)), 2)
                                           : "");
      });
      cost[distance] = static_cast<double>(std::clock() - start) / static_cast<double>(distance);
      const double share = record("fixed", distance, accuracy(*fresh, distance, distance));
      fixed.rows[f].push_back(fixed_text(share, 2));
      recalled.series[f].points.push_back({std::log2(static_cast<double>(distance)), share});
    }
    if (family.short_name == "rnn" || family.short_name == "gru")
      figures[cat(family.short_name, "_slower")] = cost[32] / cost[16];
    train_recall(
        *model, kMixedSteps, kMixedRate, options.seed,
        [](Rng& rng) { return recall(kLength, mixed_distances(rng), rng); },
        [&](Index step) { progress(family.name + ", mixed distances", step, kMixedSteps); });
    for (const Index distance : kDistances) {
      const double norm = gradient(*model, distance), share = accuracy(*model, kLength, distance);
      mixed.rows[f].push_back(fixed_text(record("mixed", distance, share), 2));
      after.rows[f].push_back(power_of_ten(norm));
      if (distance == kFarthest) record("after", distance, std::log10(norm));
    }
  }
  for (const Family& family : kFamilies) {
    const std::string name = family.short_name + "_";
    figures[name + "fall"] = figures[name + "before_64"] - figures[name + "before_4"];
  }

  result.tables = {fixed, before, mixed, after};
  result.charts = {recalled, arriving};
  for (const auto& [name, value] : figures) result.figures.push_back({name, value});
  const double alone = figures["rnn_fixed_32"], with_short = figures["rnn_mixed_32"];
  result.answer = with_short > 0.5 && alone < 0.25 ? 1 : 0;
  result.finding = cat("At distance 32 the tanh-RNN recalls ", fixed_text(alone, 2),
                       " of the facts if it is trained at that distance only, and ", fixed_text(with_short, 2),
                       " after the mixed training. Trained at distance 32 only, the LSTM recalls ",
                       fixed_text(figures["lstm_fixed_32"], 2), ", the GRU ", fixed_text(figures["gru_fixed_32"], 2),
                       " and attention ", fixed_text(figures["attention_fixed_32"], 2), ".");
  return result;
}

}  // namespace

Lesson recurrence() {
  return {.number = 2,
          .folder = "02_recurrence",
          .title = "Recurrence forgets",
          .claim = "recurrent networks lose distant facts; gates help; attention does not lose them",
          .seconds = 45,
          .minutes_to_read = 12,
          .exercise = "write an LSTM step and its gradients",
          .exercise_minutes = 40,
          .difficulty = 3,
          .needs = "exercise 0",
          .question =
              "A tanh-RNN trained to recall a symbol at distance 32, and only at that distance, stays at chance. Why?",
          .choices = {"its state cannot hold a symbol for 32 steps",
                      "its state could hold it, but training at this distance alone does not find out how"},
          .files = {"include/headlight/nn/recurrent.h", "src/kernels/reference/recurrent.h", "src/ops/recurrent.cpp"},
          .run = run};
}

}  // namespace headlight::lessons
