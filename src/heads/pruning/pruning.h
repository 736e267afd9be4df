// Pruning: orders in which to remove heads, pruning curves, and models with heads removed.
//
// Removing a head folds its mean output into the bias of the output projection. In a model without biases, the mean
// output is lost. A pruned model therefore computes the same function as the full model with those heads ablated by
// Replacement::kConstant (kZero without biases).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formats/json.h"
#include "headlight/models/transformer.h"
#include "heads/ablation/ablation.h"
#include "heads/study/progress.h"

namespace headlight {

inline constexpr double kPrunableLoss = 0.02;  // nats: the loss increase that the prunable fraction allows

// How pruning changes the outputs of removed heads. A model other than a transformer is never pruned; its curves
// replace outputs by their mean.
Replacement pruning_replacement(const HeadedModel& model);
// Error: heads of this model cannot be removed, because they share keys and values.
void check_prunable(const TransformerConfig& config);
// A copy of the model without these heads. Errors: no such head, those of check_prunable().
std::unique_ptr<TransformerLM> without_heads(const TransformerLM& model, std::span<const HeadId> removed,
                                             const HeadMeans& means);

// The mean loss with the outputs of these heads replaced as by pruning_replacement().
double loss_without(const HeadedModel& model, const HeadWindows& windows, const HeadMeans& means,
                    std::vector<HeadId> removed);
// The mean loss with the first 0, 1, 2, ... heads of an order removed. Stops after the first loss above `most`. If
// `predictions` is not null, appends the token_losses() for each number of heads.
std::vector<double> prune_curve(const HeadedModel& model, const HeadWindows& windows, const HeadMeans& means,
                                std::span<const HeadId> order, double most = std::numeric_limits<double>::infinity(),
                                std::vector<std::vector<float>>* predictions = nullptr,
                                const AfterEvaluation& after_each = {});

// The greedy order: at each step, remove the head with the smallest loss increase on `windows`. In models with more
// than 24 heads, each step tries only the eight heads with the smallest single-head loss increase. Stops after the
// first head whose removal puts the loss above `most`.
std::vector<HeadId> greedy_order(const HeadedModel& model, const HeadWindows& windows, const HeadMeans& means,
                                 double most = std::numeric_limits<double>::infinity(),
                                 const AfterEvaluation& after_each = {});
// The number of evaluations that a complete greedy order takes.
Index greedy_evaluations(std::size_t heads);
// The heads in increasing order of `values`, which has one value for each of all_heads().
std::vector<HeadId> order_by(std::span<const double> values, const HeadCounts& counts);
std::vector<HeadId> random_order(const HeadCounts& counts, std::uint64_t seed);

// The share of heads that can be removed before the loss increase exceeds `allowed` nats, from the curve of
// prune_curve().
double prunable_fraction(std::span<const double> curve, std::size_t heads, double allowed = kPrunableLoss);

// ---- curves of all orders ----------------------------------------------------------------------------------------

struct PruneOrder {
  std::string name;
  std::vector<HeadId> removed;  // in order of removal
  std::vector<double> losses;   // [heads removed]; NaN where not measured
};

// Orders are chosen on the first half of the windows; losses are measured on the second half.
struct PruneStudy {
  std::size_t heads = 0;
  // "greedy"; in a study with complete curves also "by single ablation", "by gate gradient", and "worst first", which
  // is "by single ablation" reversed.
  std::vector<PruneOrder> orders;
  std::vector<std::vector<double>> random;        // losses in random orders, the baseline
  std::vector<std::vector<float>> greedy_losses;  // [heads removed][prediction], second half
  double prunable = 0;                            // of the greedy order
  std::vector<double> prunable_random;
};

// Progress counts orders. If `whole` is false, curves end where the loss increase exceeds kPrunableLoss, and the greedy
// order is the only one besides the random orders.
PruneStudy study_pruning(const HeadedModel& model, const HeadWindows& windows, int random_orders, std::uint64_t seed,
                         bool whole, Progress progress = {});

// {heads, orders: [{name, losses, removed}], random: [[losses]]}; losses that were not measured are null.
Json to_json(const PruneStudy& study);
// Reads heads, orders and random from such an object. Error: an object of another form.
PruneStudy prune_study(const JsonView& json);

}  // namespace headlight
