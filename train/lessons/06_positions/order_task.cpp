// The order task: in a sequence of random words, name the word two before the current one.
#include "lessons/06_positions/order_task.h"

#include <cmath>

#include "headlight/headlight.h"

namespace headlight::lessons {

namespace {

constexpr Index kTests = 64;

void draw(Rng& rng, Index rows, Index length, Batch& batch) {
  batch.rows = rows;
  batch.inputs.resize(static_cast<std::size_t>(rows * length));
  batch.targets.assign(batch.inputs.size(), kIgnoredTarget);
  for (std::size_t i = 0; i < batch.inputs.size(); ++i) {
    batch.inputs[i] = static_cast<std::int32_t>(rng.below(kWords));
    if (static_cast<Index>(i) % length >= kBack) batch.targets[i] = batch.inputs[i - kBack];
  }
}

Batch test_batch(std::uint64_t seed) {
  Batch batch;
  Rng rng(seed + 1000);
  draw(rng, kTests, kTested, batch);
  return batch;
}

}  // namespace

Index train_order(TransformerLM& model, std::uint64_t seed, const std::string& what, const LessonProgress& progress) {
  const Schedule schedule{.peak = 3e-3, .lowest = 3e-4, .warmup = kSteps / 20, .steps = kSteps};
  AdamW optimizer(model.parameters(), {});
  Rng rng(seed);
  Batch batch;
  Index learned = -1;
  for (Index step = 0; step < kSteps; ++step) {
    progress(what, step, kSteps);
    draw(rng, kBatch, kTrained, batch);
    Tape tape;
    const Tensor loss = cross_entropy(model(batch.inputs, batch.rows), batch.targets);
    if (loss.item() > 0.1) learned = -1;
    else if (learned < 0) learned = step;
    tape.backward(loss);
    const double norm = gradient_norm(optimizer.parameters());
    optimizer.step(schedule.at(step), norm > 1 ? 1 / norm : 1);
    model.zero_grad();
  }
  return learned;
}

std::vector<double> loss_by_position(const TransformerLM& model, std::uint64_t seed) {
  const Batch batch = test_batch(seed);
  const std::vector<double> log_p = log_softmax(model(batch.inputs, batch.rows)).to_vector();  // [B,T,V]
  std::vector<double> loss(kTested, 0);
  for (std::size_t i = 0; i < batch.targets.size(); ++i)
    if (batch.targets[i] != kIgnoredTarget)
      loss[i % kTested] -= log_p[i * kWords + static_cast<std::size_t>(batch.targets[i])] / kTests;
  return loss;
}

std::vector<double> bag_by_position(std::uint64_t seed) {
  const Batch batch = test_batch(seed);
  std::vector<double> loss(kTested, 0);
  for (std::size_t row = 0; row < batch.targets.size(); row += kTested) {
    std::vector<double> count(kWords, 0);  // of the words before t
    for (std::size_t t = 1; t < kTested; ++t) {
      ++count[static_cast<std::size_t>(batch.inputs[row + t - 1])];
      if (t < kBack) continue;
      // Each of the t words before the current one is the one asked for with the same probability.
      loss[t] -= std::log(count[static_cast<std::size_t>(batch.targets[row + t])] / static_cast<double>(t)) / kTests;
    }
  }
  return loss;
}

double mean_loss(const std::vector<double>& by_position, Index first, Index last) {
  double sum = 0;
  for (Index t = first; t < last; ++t) sum += by_position[static_cast<std::size_t>(t)];
  return sum / static_cast<double>(last - first);
}

Series loss_curve(const std::string& name, Color ink, const std::vector<double>& loss) {
  constexpr Index kMerged = 4;
  Series series{name, ink, {}};
  for (Index t = kBack; t + kMerged <= kTested; t += kMerged)
    series.points.push_back({static_cast<double>(t) + kMerged / 2.0, mean_loss(loss, t, t + kMerged)});
  return series;
}

}  // namespace headlight::lessons
