// Lesson 4: the softmax of scaled and unscaled scores against d_k, and training with and without the scaling.
#include "lessons/lesson.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/format.h"
#include "headlight/base/text.h"
#include "lessons/04_scaling/random_scores.h"
#include "lessons/04_scaling/scaled_model.h"

namespace headlight::lessons {

namespace {

double root(Index size) { return std::sqrt(static_cast<double>(size)); }

void softmax_against_size(const LessonOptions& options, const LessonProgress& progress, LessonResult& result) {
  Table table{
      "Random queries and 64 random keys, all entries with variance 1",
      {"d_k", "scores", "standard deviation", "effective number", "largest weight", "median |dscores|", "mean |dq|"},
      {}};
  Chart chart{.title = "Keys that share the weight, of 64",
              .x_name = "log2 of d_k",
              .y_name = "effective number",
              .series = {{"divided by sqrt(d_k)", Color::kBlue, {}}, {"not divided", Color::kYellow, {}}}};
  for (const Index size : {4, 8, 16, 32, 64, 128, 256}) {
    progress("softmax", size, 256);
    for (const bool scaled : {true, false}) {
      const Softmax s = measure_softmax(size, scaled ? root(size) : 1, options.seed);
      chart.series[scaled ? 0 : 1].points.push_back({std::log2(static_cast<double>(size)), s.seen});
      if (size != 4 && size != 16 && size != 64 && size != 256) continue;
      table.rows.push_back({cat(size), scaled ? "divided" : "not", fixed_text(s.stddev, 2), fixed_text(s.seen, 1),
                            fixed_text(s.largest, 2), fixed_text(s.median, 3), fixed_text(s.query_gradient, 3)});
      if (size == 64) continue;
      const std::string name = cat(scaled ? "_with_" : "_without_", size);
      for (const auto& [what, value] :
           {std::pair{"stddev", s.stddev}, {"seen", s.seen}, {"median", s.median}, {"query", s.query_gradient}})
        result.figures.push_back({what + name, value});
    }
  }
  result.tables.push_back(table);
  result.charts.push_back(chart);
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  softmax_against_size(options, progress, result);

  const LessonText text = lesson_text("chorus", 200'000, kScalingContext, options.seed);
  double runs = 0, diverged = 0;
  const auto outcome = [&](const ScalingRun& run) {
    const ScalingOutcome o = train_scaled(run, text, options.seed, progress);
    ++runs;
    diverged += std::isfinite(o.loss) ? 0 : 1;
    return o;
  };
  Table rates{"Validation loss after 500 steps on chorus, initial weights of stddev 0.02",
              {"d_k", "scores", "rate 0.001", "rate 0.003", "rate 0.01"},
              {}},
      unit{"The same at rate 0.003, from queries and keys of variance 1",
           {"d_k", "scores", "loss", "largest gradient"},
           {}};
  Chart chart{.title = "Loss after training",
              .x_name = "log2 of the learning rate / 0.001",
              .y_name = "validation loss",
              .series = {}};
  double small[2] = {0, 0}, large[2] = {0, 0};  // d_k = 16 and 256 at rate 0.003: divided, not divided
  for (const Index size : {16, 256})
    for (const bool scaled : {true, false}) {
      const std::string name = cat(scaled ? "_with_" : "_without_", size);
      ScalingRun r{.head_size = size, .divisor = scaled ? root(size) : 1};
      std::vector<std::string> row{cat(size), scaled ? "divided" : "not"};
      Series series{cat("d_k = ", size, scaled ? ", divided" : ", not"),
                    static_cast<Color>(static_cast<int>(Color::kBlue) + static_cast<int>(chart.series.size())),
                    {}};
      for (const double rate : {0.001, 0.003, 0.01}) {
        r.rate = rate;
        const double loss = outcome(r).loss;
        row.push_back(fixed_text(loss, 2));
        series.points.push_back({std::log2(rate / 0.001), loss});
        result.figures.push_back({cat("loss_", rate * 1000, name), loss});
        if (rate == 0.003) (size == 16 ? small : large)[scaled ? 0 : 1] = loss;
      }
      rates.rows.push_back(row);
      chart.series.push_back(series);
      r.rate = 0.003;
      r.stddev = 0.125;  // 1/sqrt(width): after the norm, queries and keys have variance 1
      const ScalingOutcome o = outcome(r);
      unit.rows.push_back({cat(size), scaled ? "divided" : "not", fixed_text(o.loss, 2), fixed_text(o.gradient, 1)});
      result.figures.insert(result.figures.end(), {{"unit" + name, o.loss}, {"gradient" + name, o.gradient}});
    }

  // Controls: no attention at all, only the mean of the values; and "not divided", with the scaling moved into the weights.
  const double uniform = outcome({.head_size = 16, .divisor = 1e9}).loss;
  const double moved_16 = outcome({.head_size = 16, .divisor = 1, .query_share = 0.5}).loss,
               moved_256 = outcome({.head_size = 256, .divisor = 1, .query_share = 0.25}).loss;
  result.tables.insert(
      result.tables.end(),
      {rates,
       unit,
       {"Controls at rate 0.003",
        {"model", "loss"},
        {{"d_k = 16, all scores 0: every head averages", fixed_text(uniform, 2)},
         {"d_k = 16, not divided; weights and rate of q and k halved", fixed_text(moved_16, 2)},
         {"d_k = 256, not divided; weights and rate of q and k quartered", fixed_text(moved_256, 2)}}}});
  result.charts.push_back(chart);
  result.figures.insert(result.figures.end(),
                        {{"uniform", uniform},
                         {"moved_16", moved_16},
                         {"moved_256", moved_256},
                         {"moved_apart", std::max(std::abs(moved_16 - small[0]), std::abs(moved_256 - large[0]))},
                         {"runs", runs},
                         {"diverged", diverged}});
  result.answer = small[1] > small[0] + 0.02 ? 0 : 1;
  result.finding = cat("At d_k = 16 the loss ends at ", fixed_text(small[0], 2), " with the division and at ",
                       fixed_text(small[1], 2), " without it; at d_k = 256, at ", fixed_text(large[0], 2), " and ",
                       fixed_text(large[1], 2), ". ", runs - diverged, " of ", runs, " runs ended with a finite loss.");
  return result;
}

}  // namespace

Lesson scaling() {
  return {.number = 4,
          .folder = "04_scaling",
          .title = "Scaling by sqrt(d_k)",
          .claim = "without dividing the scores by sqrt(d_k), training is unstable",
          .seconds = 30,
          .minutes_to_read = 20,
          .exercise = "the variance of a score, and scaled attention weights",
          .exercise_minutes = 35,
          .difficulty = 3,
          .needs = "",
          .question =
              "A model with d_k = 16 is trained without dividing its scores by sqrt(16) = 4, from the usual small "
              "initial weights. All else is equal. How does its loss end, compared with the model that divides?",
          .choices = {"higher: the division is needed", "as low or lower"},
          .files = {"include/headlight/nn/self_attention.h", "train/lessons/04_scaling/scaled_model.cpp",
                    "src/ops/attention.cpp", "src/kernels/reference/rows.h"},
          .run = run};
}

}  // namespace headlight::lessons
