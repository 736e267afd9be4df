// Pruning: which heads a model can do without, and the model without them.
//
// A head that is taken away leaves its mean output behind, folded into the bias of the output projection; in a model
// without biases it leaves nothing. So a pruned model computes what the whole one does while those heads are replaced by
// Replacement::kConstant (kZero without biases).
#pragma once

#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "headlight/heads/ablation.h"

namespace headlight {

inline constexpr double kPrunableLoss = 0.02;  // nats: what PF allows

Replacement pruning_replacement(const TransformerConfig& config);
// The model without these heads. Errors: a head it does not have, or ALiBi positions, whose slopes go by the head's number.
std::unique_ptr<CharTransformer> without_heads(const CharTransformer& model, std::span<const HeadId> removed,
                                               const HeadMeans& means);

// The loss with some heads replaced as pruning would.
double loss_without(const CharTransformer& model, const HeadWindows& windows, const HeadMeans& means,
                    std::vector<HeadId> removed);
// The loss with the first 0, 1, 2, ... heads of an order removed. Ends after the first that is above `most`.
std::vector<double> prune_curve(const CharTransformer& model, const HeadWindows& windows, const HeadMeans& means,
                                std::span<const HeadId> order, double most = std::numeric_limits<double>::infinity());

// Orders in which to remove all heads.
// At each step the head whose removal raises the loss on `windows` least. In models with more than 24 heads only those
// eight are tried that cost least by themselves.
// Ends after the first head with which the loss is above `most`.
std::vector<HeadId> greedy_order(const CharTransformer& model, const HeadWindows& windows, const HeadMeans& means,
                                 double most = std::numeric_limits<double>::infinity());
// By a value for each of all_heads(), smallest first.
std::vector<HeadId> order_by(std::span<const double> values, const TransformerConfig& config);
std::vector<HeadId> random_order(const TransformerConfig& config, std::uint64_t seed);

// The share of heads that can be removed, in this order, before the loss rises by more than kPrunableLoss: with the curve
// of prune_curve().
double prunable_fraction(std::span<const double> curve, std::size_t heads, double allowed = kPrunableLoss);

}  // namespace headlight
