// Removal of heads from a model, pruning curves, and greedy, sorted and random orders.
#include "heads/pruning/pruning.h"

#include <algorithm>
#include <numeric>

#include "base/words.h"
#include "headlight/base/error.h"
#include "headlight/base/random.h"
#include "heads/ablation/block_runs.h"
#include "heads/ablation/head_gates.h"

namespace headlight {

namespace {

// The greedy order tries every head in models with at most kTryAll heads, otherwise kTried heads at each step.
constexpr std::size_t kTryAll = 24, kTried = 8;

// Copies the given rows: those of the heads that stay.
void copy_rows(const Tensor& from, Tensor to, std::span<const Index> rows) {
  const Index size = from.rank() > 1 ? from.size(1) : 1;
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy_n(from.data<float>() + rows[i] * size, size, to.data<float>() + static_cast<Index>(i) * size);
}

void copy_columns(const Tensor& from, Tensor to, std::span<const Index> columns) {
  const Index wide = from.size(1), narrow = to.size(1);
  for (Index r = 0; r < from.size(0); ++r)
    for (std::size_t i = 0; i < columns.size(); ++i)
      to.data<float>()[r * narrow + static_cast<Index>(i)] = from.data<float>()[r * wide + columns[i]];
}

void prune_layer(const MultiHeadAttention& from, MultiHeadAttention& to, std::span<const Index> kept,
                 std::span<const Index> removed, const Tensor& overall) {
  const Index size = from.head_size();
  std::vector<Index> columns, rows;
  for (const Index h : kept)
    for (Index i = 0; i < size; ++i) columns.push_back(h * size + i);
  for (Index part = 0; part < 3; ++part)  // queries, keys, values
    for (const Index c : columns) rows.push_back(part * from.heads() * size + c);
  copy_rows(from.qkv->weight.value(), to.qkv->weight.value(), rows);
  copy_columns(from.out->weight.value(), to.out->weight.value(), columns);
  if (from.qkv->bias) copy_rows(from.qkv->bias->value(), to.qkv->bias->value(), rows);
  if (!from.out->bias) return;
  Tensor bias = to.out->bias->value();
  bias.copy_from(from.out->bias->value());
  const Tensor weight = from.out->weight.value();
  const float* w = weight.data<float>();
  for (Index c = 0; c < bias.numel(); ++c) {
    double sum = static_cast<double>(bias.data<float>()[c]);
    for (const Index h : removed)
      for (Index i = 0; i < size; ++i)
        sum += static_cast<double>(w[c * weight.size(1) + h * size + i]) *
               static_cast<double>(overall.data<float>()[h * size + i]);
    bias.data<float>()[c] = static_cast<float>(sum);
  }
}

}  // namespace

Replacement pruning_replacement(const HeadedModel& model) {
  const auto* transformer = dynamic_cast<const TransformerLM*>(&model);
  return !transformer || transformer->config().bias ? Replacement::kConstant : Replacement::kZero;
}

void check_prunable(const TransformerConfig& config) {
  if (config.grouped())
    fail("prune: the ", config.heads, " heads of each layer share ", counted(config.kv_heads, "key head"),
         ", so none can be removed; train a model without --kv-heads");
  if (find_position(config.position).site == PositionSite::kBias)
    fail("prune: the slopes of ALiBi positions depend on the number of heads; train a model with other positions");
}

std::unique_ptr<TransformerLM> without_heads(const TransformerLM& model, std::span<const HeadId> removed,
                                             const HeadMeans& means) {
  check_prunable(model.config());
  TransformerConfig config = model.config();
  config.head_size = config.resolved_head_size();
  config.layer_heads.clear();
  std::vector<std::vector<Index>> kept(static_cast<std::size_t>(config.layers)), gone = kept;
  for (const HeadId id : removed) {
    const std::vector<HeadId> all = all_heads(model);
    if (std::find(all.begin(), all.end(), id) == all.end())
      fail("prune: the model has no head ", head_name(id), "; name one of its heads");
  }
  for (const HeadId id : all_heads(model))
    (std::find(removed.begin(), removed.end(), id) == removed.end() ? kept : gone)[static_cast<std::size_t>(id.layer)]
        .push_back(id.head);
  for (const std::vector<Index>& layer : kept) config.layer_heads.push_back(static_cast<Index>(layer.size()));

  auto pruned = [&] {
    const GeneratorGuard keep;
    return std::make_unique<TransformerLM>(config);
  }();
  const std::vector<NamedTensor> from = model.parameters();
  std::vector<NamedTensor> to = pruned->parameters();
  for (std::size_t i = 0; i < to.size(); ++i)
    if (to[i].value.shape() == from[i].value.shape()) to[i].value.copy_from(from[i].value);
  for (Index layer = 0; layer < config.layers; ++layer) {
    const auto l = static_cast<std::size_t>(layer);
    if (!gone[l].empty())
      prune_layer(*model.blocks[layer]->attn, *pruned->blocks[layer]->attn, kept[l], gone[l], means.overall(layer));
  }
  return pruned;
}

double loss_without(const HeadedModel& model, const HeadWindows& windows, const HeadMeans& means,
                    std::vector<HeadId> removed) {
  const AblateHeads hook(means, std::move(removed), pruning_replacement(model));
  return mean_loss(token_losses(model, windows));
}

std::vector<double> prune_curve(const HeadedModel& model, const HeadWindows& windows, const HeadMeans& means,
                                std::span<const HeadId> order, double most,
                                std::vector<std::vector<float>>* predictions, const AfterEvaluation& after_each) {
  BlockRuns runs(model, windows);
  std::vector<double> losses;
  for (std::size_t n = 0; n <= order.size(); ++n) {
    if (n > 0) {
      const AblateHeads hook(means, {order.begin(), order.begin() + static_cast<Index>(n)}, pruning_replacement(model));
      runs.keep(order[n - 1].layer);
    }
    losses.push_back(mean_loss(runs.kept()));
    if (predictions) predictions->push_back(runs.kept());
    if (after_each) after_each();
    if (losses.back() > most) break;
  }
  return losses;
}

std::vector<HeadId> greedy_order(const HeadedModel& model, const HeadWindows& windows, const HeadMeans& means,
                                 double most, const AfterEvaluation& after_each) {
  const Replacement replacement = pruning_replacement(model);
  std::vector<HeadId> left = all_heads(model), order;
  BlockRuns runs(model, windows);  // the kept run has the heads of `order` removed
  const auto loss_with = [&](HeadId more) {
    std::vector<HeadId> removed = order;
    removed.push_back(more);
    const AblateHeads hook(means, std::move(removed), replacement);
    const double loss = mean_loss(runs.losses(more.layer));
    if (after_each) after_each();
    return loss;
  };
  if (left.size() > kTryAll) {
    std::vector<double> alone;
    for (const HeadId id : left) alone.push_back(loss_with(id));
    left = order_by(alone, model);
  }
  const std::size_t tried = left.size() > kTryAll ? kTried : left.size();
  while (!left.empty()) {
    std::size_t best = 0;
    double lowest = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < std::min(tried, left.size()) && left.size() > 1; ++i) {
      const double loss = loss_with(left[i]);
      if (loss >= lowest) continue;
      lowest = loss;
      best = i;
    }
    order.push_back(left[best]);
    left.erase(left.begin() + static_cast<Index>(best));
    if (lowest > most && lowest < std::numeric_limits<double>::infinity()) break;
    if (left.empty()) break;
    const AblateHeads hook(means, order, replacement);
    runs.keep(order.back().layer);
  }
  return order;
}

Index greedy_evaluations(std::size_t heads) {
  const bool all = heads <= kTryAll;
  std::size_t evaluations = all ? 0 : heads;
  for (std::size_t left = heads; left > 1; --left) evaluations += all ? left : std::min(kTried, left);
  return static_cast<Index>(evaluations);
}

std::vector<HeadId> order_by(std::span<const double> values, const HeadCounts& counts) {
  const std::vector<HeadId> heads = all_heads(counts);
  std::vector<std::size_t> places(heads.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<HeadId> order;
  for (const std::size_t place : places) order.push_back(heads[place]);
  return order;
}

std::vector<HeadId> random_order(const HeadCounts& counts, std::uint64_t seed) {
  Rng rng(mix64(seed));
  std::vector<HeadId> order = all_heads(counts);
  for (Index i = static_cast<Index>(order.size()) - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(rng.below(i + 1))]);
  return order;
}

double prunable_fraction(std::span<const double> curve, std::size_t heads, double allowed) {
  if (heads == 0 || curve.empty()) return 0;
  std::size_t removable = 0;
  while (removable + 1 < curve.size() && curve[removable + 1] <= curve[0] + allowed) ++removable;
  return static_cast<double>(removable) / static_cast<double>(heads);
}

}  // namespace headlight
