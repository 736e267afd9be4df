// Lesson 8: attention, window, linear attention, a GRU and a convolution on two tasks at equal cost; then time against T.
#include "lessons/lesson.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/clock.h"
#include "base/format.h"
#include "lessons/08_simpler_models/tasks.h"

namespace headlight::lessons {

namespace {

constexpr Index kRows = 16, kOffsetSteps = 300, kRecallSteps = 1200, kEvery = 20;
constexpr double kLearned = 0.1;  // nats
constexpr Color kInks[] = {Color::kBlue, Color::kMagenta, Color::kYellow, Color::kGreen, Color::kRed};

using Task = Batch (*)(Index, Rng&);

struct Outcome {
  double loss = 0, near = 0, far = 0;  // nats; recall of keys at most 16 symbols back, and more than 32
  double learned = 0;                  // share of the training after which the loss stays below kLearned; 1: never
  std::vector<Point> curve;            // loss by gigaflops of training
};

// Losses on 64 new sequences, the same for every model: all, near and far.
Outcome measured(const LanguageModel& model, Task task) {
  const NoGrad no_recording;
  Rng rng(999);
  const Batch batch = task(64, rng);
  const std::vector<Index> distance = task == recall ? distances(batch) : std::vector<Index>(batch.targets.size());
  const Tensor log_p = log_softmax(model(batch.inputs, batch.rows));  // [B,T,V]
  const float* values = log_p.data<float>();
  double sums[3] = {}, counts[3] = {};
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    if (batch.targets[i] == kIgnoredTarget) continue;
    const double loss = -static_cast<double>(values[static_cast<Index>(i) * kKinds + batch.targets[i]]);
    const std::size_t part = distance[i] > 32 ? 2 : distance[i] > 0 && distance[i] <= 16 ? 1 : 0;
    sums[part] += loss, counts[part] += 1;
  }
  const double all = sums[0] + sums[1] + sums[2], count = counts[0] + counts[1] + counts[2];
  return {all / count, sums[1] / counts[1], sums[2] / counts[2], 1, {}};
}

Outcome trained(const ComparedModel& contestant, Task task, Index steps, std::uint64_t seed,
                const std::function<void(Index)>& progress) {
  const std::unique_ptr<LanguageModel> model = make_contestant(contestant, seed);
  const Schedule schedule{.peak = 4e-3, .lowest = 4e-4, .warmup = steps / 20, .steps = steps};
  const double gigaflops = flops_a_token(contestant) * static_cast<double>(kRows * kTokens) / 1e9;  // of a step
  AdamW optimizer(model->parameters(), {});
  Rng rng(seed);
  std::vector<Point> curve;
  double learned = 1;
  for (Index step = 0; step <= steps; ++step) {
    progress(step);
    if (step % kEvery == 0 || step == steps) {
      const double loss = measured(*model, task).loss, share = static_cast<double>(step) / static_cast<double>(steps);
      curve.push_back({gigaflops * static_cast<double>(step), loss});
      learned = loss >= kLearned ? 1 : std::min(learned, share);
    }
    if (step == steps) break;
    const Batch batch = task(kRows, rng);
    Tape tape;
    tape.backward(cross_entropy((*model)(batch.inputs, batch.rows), batch.targets));
    const double norm = gradient_norm(optimizer.parameters());
    optimizer.step(schedule.at(step), norm > 1 ? 1 / norm : 1);
    model->zero_grad();
  }
  Outcome outcome = measured(*model, task);
  outcome.learned = learned;
  outcome.curve = curve;
  return outcome;
}

// Seconds of a forward and backward pass for one sequence of T symbols, four heads of 16; the best of three.
double seconds_of(const std::string& pattern, Index t) {
  Rng rng(1);
  Tensor parts[3];
  for (Tensor& part : parts) {
    part = Tensor::normal({1, 4, t, 16}, 0, 1, rng);
    part.set_requires_grad(true);
  }
  double best = 1e9;
  for (int repeat = 0; repeat < 3; ++repeat) {
    const double start = monotonic_seconds();
    Tape tape;
    AttentionOptions options;
    options.causal = true;
    if (pattern == "window") options.window = 128;
    tape.backward(sum(pattern == "linear" ? linear_attention(parts[0], parts[1], parts[2])
                                          : attention(parts[0], parts[1], parts[2], options)));
    best = std::min(best, monotonic_seconds() - start);
    for (Tensor& part : parts) part.zero_grad();
  }
  return best;
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  std::map<std::string, double> figures;
  Table sizes{"Five models of equal cost", {"model", "width", "parameters", "kFLOP a token"}, {}},
      offset{"Fixed offset: the symbol 5 back", {"model", "loss, nats", "learned after, % of the training"}, {}},
      recalled{
          "Recall: the value of a key, stated at any distance", {"model", "loss", "near (1-16)", "far (33-63)"}, {}};
  Chart offset_chart{.title = "Fixed offset: loss against training", .x_name = "gigaflops", .y_name = "nats"},
      recall_chart{.title = "Recall: loss against training", .x_name = "gigaflops", .y_name = "nats"};
  for (std::size_t c = 0; c < kContestants.size(); ++c) {
    const ComparedModel& contestant = kContestants[c];
    const auto figure = [&](const char* what, double value) {
      return figures[cat(contestant.short_name, "_", what)] = value;
    };
    const auto progress_of = [&](const char* task, Index steps) {
      return [&progress, what = cat(contestant.name, ", ", task), steps](Index step) { progress(what, step, steps); };
    };
    sizes.rows.push_back({contestant.name, cat(width_of(contestant)),
                          cat(make_contestant(contestant, 1)->parameter_count()),
                          fixed_text(figure("kflop", flops_a_token(contestant) / 1000), 0)});
    const Outcome fixed = trained(contestant, fixed_offset, kOffsetSteps, options.seed,
                                  progress_of("fixed offset", kOffsetSteps)),
                  far = trained(contestant, recall, kRecallSteps, options.seed, progress_of("recall", kRecallSteps));
    offset.rows.push_back({contestant.name, fixed_text(figure("offset", fixed.loss), 3),
                           fixed.learned < 1 ? fixed_text(figure("learned", 100 * fixed.learned), 0) : "never"});
    if (fixed.learned >= 1) figure("learned", 100);
    recalled.rows.push_back({contestant.name, fixed_text(figure("recall", far.loss), 3),
                             fixed_text(figure("near", far.near), 3), fixed_text(figure("far", far.far), 3)});
    offset_chart.series.push_back({contestant.name, kInks[c], fixed.curve});
    recall_chart.series.push_back({contestant.name, kInks[c], far.curve});
  }

  Table times{"Time of attention, forward and backward, in units of full attention at T = 512", {"T"}, {}};
  const std::vector<Index> lengths = {512, 1024, 2048, 4096};
  for (const Index t : lengths) times.rows.push_back({cat(t)});
  double unit = 0;
  for (const char* pattern : {"full", "window", "linear"}) {
    times.columns.push_back(pattern == std::string("window") ? "window of 128" : pattern);
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      progress(cat("time of ", pattern), static_cast<Index>(i), static_cast<Index>(lengths.size()));
      const double seconds = seconds_of(pattern, lengths[i]);
      if (unit == 0) unit = seconds;
      figures[cat("time_", pattern, "_", lengths[i])] = seconds / unit;
      times.rows[i].push_back(fixed_text(seconds / unit, 1));
    }
  }
  result.tables = {sizes, offset, recalled, times};
  result.charts = {offset_chart, recall_chart};
  for (const auto& [name, value] : figures) result.figures.push_back({name, value});
  const bool conv_on_offset = figures["conv_learned"] < figures["full_learned"],
             conv_on_recall = figures["conv_recall"] < figures["full_recall"];
  result.answer = conv_on_offset && !conv_on_recall ? 0 : conv_on_offset ? 2 : 1;
  const auto learned = [&](const char* name) {
    const double percent = figures[cat(name, "_learned")];
    return percent < 100 ? cat("after ", fixed_text(percent, 0), "% of the training") : std::string("not within it");
  };
  result.finding =
      cat("At equal cost the convolution learns the fixed offset ", learned("conv"), ", attention ", learned("full"),
          ". On recall attention ends at ", fixed_text(figures["full_recall"], 2), " nats, the convolution at ",
          fixed_text(figures["conv_recall"], 2), " and the window at ", fixed_text(figures["window_recall"], 2), ".");
  return result;
}

}  // namespace

Lesson simpler_models() {
  return {.number = 8,
          .folder = "08_simpler_models",
          .title = "When not to use attention",
          .claim = "simpler or sparser models can be enough",
          .seconds = 30,
          .minutes_to_read = 12,
          .exercise = "a sliding window with a ring buffer",
          .exercise_minutes = 30,
          .difficulty = 3,
          .needs = "exercise 3",
          .question = "At equal cost, where does a convolution with a field of 31 symbols beat attention?",
          .choices = {"where the needed symbol stands at a fixed distance", "where a key must be found at any distance",
                      "in both cases"},
          .files = {"src/nn/attention_window.cpp", "src/ops/linear_attention.cpp", "src/ops/conv1d.cpp"},
          .run = run};
}

}  // namespace headlight::lessons
