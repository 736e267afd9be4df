// Lesson 7: heads that can be pruned for free, a product written five ways, and the memory of attention.
//
// Pruning comes from an internal header, which `headlight heads prune` uses.
#include "lessons/lesson.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/format.h"
#include "headlight/base/text.h"
#include "headlight/training/evaluate.h"
#include "heads/pruning/pruning.h"
#include "lessons/07_inside/speed.h"
#include "lessons/training.h"

namespace headlight::lessons {

namespace {

constexpr Index kContext = 64, kWindows = 128, kHeads = 8, kPruned = 4;
constexpr int kRandomOrders = 10;
constexpr double kNoLimit = std::numeric_limits<double>::infinity();

Series series(const char* name, Color ink, const std::vector<double>& losses) {
  Series result{name, ink, {}};
  for (std::size_t n = 0; n < losses.size(); ++n) result.points.push_back({static_cast<double>(n), losses[n]});
  return result;
}

void prune(const LessonOptions& options, const LessonProgress& progress, LessonResult& result) {
  const LessonText text = lesson_text("chorus", 400'000, kContext, options.seed);
  seed_generator(options.seed);
  TransformerLM model({.vocabulary = text.vocabulary.size(),
                       .context = kContext,
                       .layers = 2,
                       .heads = kHeads / 2,
                       .width = 64,
                       .hidden = 128});
  train(model, text.split.train, {.steps = 2500, .learning_rate = 4e-3, .seed = options.seed}, "chorus, 8 heads",
        progress);

  // The order is chosen on one half of the windows, and the losses are measured on the other.
  const HeadWindows windows(text.split.validation, kContext, kWindows);
  const HeadWindows choosing = windows.half(0), measuring = windows.half(1);
  const HeadMeans means(model, choosing);
  const AfterEvaluation tell = [&] { progress("ablating heads", 0, 1); };
  const std::vector<HeadId> order = greedy_order(model, choosing, means, kNoLimit, tell);
  const double floor = floor_of(measuring.windows(),
                                {text.text.log_probability.begin() + text.split.cut, text.text.log_probability.end()});
  const auto above_floor = [&](const std::vector<HeadId>& heads) {
    std::vector<double> losses = prune_curve(model, measuring, means, heads, kNoLimit, nullptr, tell);
    for (double& loss : losses) loss -= floor;
    return losses;
  };
  const std::vector<double> greedy = above_floor(order);
  std::vector<double> random(greedy.size(), 0.0);
  for (int i = 0; i < kRandomOrders; ++i) {
    const std::vector<double> losses =
        above_floor(random_order(model.config(), options.seed * 100 + static_cast<std::uint64_t>(i)));
    for (std::size_t n = 0; n < losses.size(); ++n) random[n] += losses[n] / kRandomOrders;
  }
  Table curve{
      "Loss above the floor when heads are pruned", {"pruned", "head", "greedy", "mean of 10 random orders"}, {}};
  for (std::size_t n = 0; n < greedy.size(); ++n)
    curve.rows.push_back(
        {cat(n), n == 0 ? "" : head_name(order[n - 1]), fixed_text(greedy[n], 3), fixed_text(random[n], 3)});
  result.tables.push_back(curve);
  result.charts.push_back(
      {.title = "Loss above the floor when heads are pruned",
       .x_name = "heads pruned",
       .y_name = "nats",
       .series = {series("greedy", Color::kBlue, greedy), series("random", Color::kYellow, random)}});

  const std::unique_ptr<TransformerLM> pruned = without_heads(model, std::span(order).first(kPruned), means);
  // Ablating and pruning give the same function, up to rounding.
  const double ablated = loss_without(model, measuring, means, {order.begin(), order.begin() + kPruned});
  const double difference = std::abs(mean_loss(token_losses(*pruned, measuring)) - ablated);
  Batch batch;
  fill_windows(text.split.validation, std::span(measuring.windows()).first(8), kContext, batch);
  compare_sizes(model, *pruned, batch, progress, result);

  // The same 300 steps for the models with four, three and all heads, because every model gains from more training.
  const std::unique_ptr<TransformerLM> three = without_heads(model, std::span(order).first(kPruned + 1), means);
  const auto longer = [&](TransformerLM& m, const char* what) {
    train(m, text.split.train, {.steps = 300, .learning_rate = 1e-3, .seed = options.seed + 1}, what, progress);
    return mean_loss(token_losses(m, measuring));
  };
  const double full_loss = longer(model, "300 more steps, 8 heads");
  const double four_trained = longer(*pruned, "300 more steps, 4 heads") - full_loss;
  const double five_trained = longer(*three, "300 more steps, 3 heads") - full_loss;
  const double four = greedy[kPruned] - greedy[0], five = greedy[kPruned + 1] - greedy[0],
               four_random = random[kPruned] - random[0];
  const auto free = static_cast<Index>(std::lround(prunable_fraction(greedy, kHeads) * kHeads));
  result.figures.insert(result.figures.end(), {{"full", greedy[0]},
                                               {"free", static_cast<double>(free)},
                                               {"four", four},
                                               {"four_trained", four_trained},
                                               {"five", five},
                                               {"five_trained", five_trained},
                                               {"four_random", four_random},
                                               {"masked_difference", difference * 1e6}});

  result.finding =
      cat("Pruning 4 of 8 heads costs ", fixed_text(four, 3), " nats, and ", fixed_text(four_trained, 3),
          " nats if all models train for 300 more steps. Pruning 5 costs ", fixed_text(five, 3), " and ",
          fixed_text(five_trained, 3), " nats, and pruning 4 in random order ", fixed_text(four_random, 2), " nats.");
  result.answer = four_trained < 0.02 ? 0 : four_trained < 0.1 ? 1 : 2;
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  prune(options, progress, result);
  measure_products(progress, result);
  measure_memory(progress, result);
  return result;
}

}  // namespace

Lesson inside() {
  return {.number = 7,
          .folder = "07_inside",
          .title = "Inside: redundancy, pruning, speed",
          .claim = "heads can be redundant, and efficient products matter",
          .seconds = 30,
          .minutes_to_read = 12,
          .exercise = "prune the heads of an attention layer",
          .exercise_minutes = 30,
          .difficulty = 3,
          .needs = "exercise 5",
          .question =
              "A model with 8 heads in two layers learns chorus, which needs four look-ups. Its four least useful "
              "heads are pruned, and the smaller model trains for 300 more steps. How much higher is its loss than "
              "that of the full model after the same steps?",
          .choices = {"less than 0.02 nats", "0.02 to 0.1 nats", "more than 0.1 nats"},
          .files = {"src/heads/pruning/pruning.cpp", "train/lessons/07_inside/products.cpp", "src/kernels/simd/gemm.h",
                    "src/kernels/simd/gemm_tile.h", "src/kernels/simd/attention.h", "include/headlight/base/threads.h"},
          .run = run};
}

}  // namespace headlight::lessons
