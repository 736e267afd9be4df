// Configuration of recovery runs, and the pruning curve with recovery.
#include "heads/pruning/prune_recovery.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/words.h"
#include "training/trainer.h"

namespace headlight {

namespace {

std::string layer_heads_text(const TransformerConfig& config) {
  std::string text;
  for (Index layer = 0; layer < config.layers; ++layer) text += cat(layer > 0 ? "," : "", config.heads_in(layer));
  return text;
}

}  // namespace

RunConfig recovery_config(RunConfig config, const TransformerConfig& pruned, Index steps) {
  constexpr double kSlower = 3;
  config.layer_heads = layer_heads_text(pruned);
  config.head_size = pruned.head_size;
  config.steps = steps;
  config.lr /= kSlower;
  config.min_lr = std::min(config.min_lr, config.lr);
  config.warmup = std::min(config.warmup, steps / 10);
  config.watch_heads = false;  // applies to the original training only
  config.teacher.clear();
  config.eval_every = std::max<Index>(1, std::min(config.eval_every, (steps + 4) / 5));
  return config;
}

std::vector<std::size_t> thinned_counts(std::size_t heads, std::size_t most) {
  std::vector<std::size_t> counts;
  const std::size_t points = std::min(heads + 1, most);
  for (std::size_t i = 0; i < points; ++i)
    counts.push_back(points < 2 ? 0 : (2 * i * heads + points - 1) / (2 * (points - 1)));
  return counts;
}

void add_recovery(PruneStudy& study, const TransformerLM& model, const RunConfig& config, const RunData& data,
                  const HeadWindows& windows, Index steps, Progress progress) {
  if (study.orders.size() < 2) fail("pruning: recovery needs complete pruning curves; study all orders first");
  const HeadWindows choose = windows.half(0), report = windows.half(1);
  const HeadMeans means(model, choose);
  const PruneOrder& greedy = study.orders[0];
  PruneOrder recovered{cat("greedy, then ", counted(steps, "step"), " of training"), greedy.removed,
                       std::vector<double>(greedy.losses.size(), std::numeric_limits<double>::quiet_NaN())};
  const std::vector<std::size_t> counts = thinned_counts(greedy.removed.size());
  progress.begin("recovery steps after pruning", static_cast<Index>(counts.size()) * steps);
  for (const std::size_t count : counts) {
    const auto pruned = without_heads(model, std::span(greedy.removed).first(count), means);
    RunConfig training = recovery_config(config, pruned->config(), steps);
    // The curve uses the weights after the last step, so validate only there.
    training.eval_every = steps;
    training.eval_windows = 1;
    training.patience = 0;
    const GeneratorGuard keep;
    const auto trainer = Trainer::from_model(training, data, "", *pruned);
    trainer->run([&](const StepRecord& r) {
      if (!std::isnan(r.loss)) progress.next();
      return true;
    });
    const auto averaged = trainer->use_average();
    recovered.losses[count] = mean_loss(token_losses(as_transformer(trainer->model(), "heads"), report));
  }
  study.orders.push_back(std::move(recovered));
}

}  // namespace headlight
