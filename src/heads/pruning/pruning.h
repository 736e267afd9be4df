// Pruning: which heads a model can do without, and the model without them.
//
// A head that is taken away leaves its mean output behind, folded into the bias of the output projection; in a model
// without biases it leaves nothing. So a pruned model computes what the whole one does while those heads are replaced by
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
#include "heads/ablation/ablation.h"
#include "heads/study/measuring.h"

namespace headlight {

inline constexpr double kPrunableLoss = 0.02;  // nats: what PF allows

Replacement pruning_replacement(const TransformerConfig& config);
// The model without these heads; with ALiBi, those that stay keep their slopes. Error: a head it does not have.
std::unique_ptr<CharTransformer> without_heads(const CharTransformer& model, std::span<const HeadId> removed,
                                               const HeadMeans& means);

// The loss with some heads replaced as pruning would.
double loss_without(const CharTransformer& model, const HeadWindows& windows, const HeadMeans& means,
                    std::vector<HeadId> removed);
// The loss with the first 0, 1, 2, ... heads of an order removed. Ends after the first that is above `most`. With
// `predictions`, the losses of each prediction go there, as token_losses() gives them, for each number of heads.
std::vector<double> prune_curve(const CharTransformer& model, const HeadWindows& windows, const HeadMeans& means,
                                std::span<const HeadId> order, double most = std::numeric_limits<double>::infinity(),
                                std::vector<std::vector<float>>* predictions = nullptr,
                                const AfterEvaluation& after_each = {});

// Orders in which to remove all heads.
// At each step the head whose removal raises the loss on `windows` least. In models with more than 24 heads only those
// eight are tried that cost least by themselves.
// Ends after the first head with which the loss is above `most`.
std::vector<HeadId> greedy_order(const CharTransformer& model, const HeadWindows& windows, const HeadMeans& means,
                                 double most = std::numeric_limits<double>::infinity(),
                                 const AfterEvaluation& after_each = {});
// How many evaluations the whole of it takes, by the number of heads.
Index greedy_evaluations(std::size_t heads);
// By a value for each of all_heads(), smallest first.
std::vector<HeadId> order_by(std::span<const double> values, const TransformerConfig& config);
std::vector<HeadId> random_order(const TransformerConfig& config, std::uint64_t seed);

// The share of heads that can be removed, in this order, before the loss rises by more than kPrunableLoss: with the curve
// of prune_curve().
double prunable_fraction(std::span<const double> curve, std::size_t heads, double allowed = kPrunableLoss);

// ---- curves of all orders ----------------------------------------------------------------------------------------

struct PruneOrder {
  std::string name;
  std::vector<HeadId> removed;  // in this order
  std::vector<double> losses;   // with the first 0, 1, 2, ... of them removed; not a number where it was not measured
};

// Orders are chosen on the first half of the windows, and losses measured on the second.
struct PruneStudy {
  std::size_t heads = 0;
  // "greedy" first; then, in a study of whole curves, "by single ablation", "by gate gradient" and "worst first" (the
  // second reversed).
  std::vector<PruneOrder> orders;
  std::vector<std::vector<double>> random;        // losses in random orders: the null
  std::vector<std::vector<float>> greedy_losses;  // [heads removed]: of each prediction of the second half
  double prunable = 0;                            // of the greedy order
  std::vector<double> prunable_random;
};

// What is measured are orders. Unless `whole`, curves end where they are kPrunableLoss above their start, and there is the
// greedy order alone.
PruneStudy study_pruning(const CharTransformer& model, const HeadWindows& windows, int random_orders,
                         std::uint64_t seed, bool whole, Measuring measuring = {});

// {heads, orders: [{name, losses, removed}], random: [[losses]]}; a loss that was not measured is null.
Json to_json(const PruneStudy& study);
// Reads it back: heads, orders and random. Error: not such an object.
PruneStudy prune_study(const JsonView& json);

}  // namespace headlight
