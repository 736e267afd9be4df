// Evaluation in batches, losses by rule, and the estimator of the distance to reference predictors.
#include "headlight/training/evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"

namespace headlight {

namespace {

// Every evaluation of a text hides the same tokens.
constexpr std::uint64_t kEvaluationSeed = 0xe7;

// Calls each(position in the text, loss) for every prediction.
template <class Each>
void for_each_prediction(const Evaluation& evaluation, Each each) {
  std::size_t next = 0;
  for (const Window& w : evaluation.windows)
    for (Index place = w.first; place <= w.last; ++place)
      each(static_cast<std::size_t>(place), static_cast<double>(evaluation.losses[next++]));
}

}  // namespace

Evaluation evaluate(const LanguageModel& model, const TokenText& text, Index most) {
  if (most < 0) fail("evaluate: ", most, " windows; use 0 for all of them or a count above it");
  const NoGrad no_recording;
  // Padding would be visible to a model that reads in both directions.
  const bool masked = model.objective() == Objective::kMasked;
  const Index context = masked ? std::min(model.context(), static_cast<Index>(text.ids.size())) : model.context();
  Evaluation result;
  result.windows = model.objective() == Objective::kPairs
                       ? document_windows(text, context, most)
                       : evaluation_windows(text, context, most, masked ? Padding::kNone : Padding::kAllowed);
  constexpr Index kBatchTokens = 4096;  // per batch: keeps all cores busy with little memory
  const auto rows = static_cast<std::size_t>(std::max<Index>(1, kBatchTokens / context));
  double sum = 0;
  Batch batch;
  Rng rng(kEvaluationSeed);
  for (std::size_t first = 0; first < result.windows.size(); first += rows) {
    const std::size_t count = std::min(rows, result.windows.size() - first);
    const std::span<const Window> windows = std::span(result.windows).subspan(first, count);
    fill_windows(text, windows, context, batch);
    model.prepare(batch.inputs, batch.targets, batch.rows, rng);
    const Tensor log_p = log_softmax(model(batch.inputs, batch.rows));  // [B,T,V]
    const float* p = log_p.data<float>();
    const Index vocabulary = log_p.size(-1);
    bool exact = true;
    for (std::size_t i = 0; i < batch.targets.size(); ++i) {
      const auto row = static_cast<Index>(i);
      if (row % context == 0) exact = true;
      const float* const of_row = p + row * vocabulary;
      const std::int32_t target = batch.targets[i];
      if (target != kIgnoredTarget) exact = exact && std::max_element(of_row, of_row + vocabulary) == of_row + target;
      if (exact && row % context == context - 1) ++result.exact;
      if (target == kIgnoredTarget) continue;
      const float loss = -of_row[target];
      result.losses.push_back(loss);
      sum += static_cast<double>(loss);
      ++result.predictions;
    }
  }
  result.loss = result.predictions > 0 ? sum / static_cast<double>(result.predictions) : 0;
  return result;
}

std::vector<RuleLoss> loss_by_rule(const Evaluation& evaluation, std::span<const double> log_probability,
                                   std::span<const std::uint8_t> rule, std::span<const std::string> rule_names) {
  std::vector<RuleLoss> by_rule;
  for (const std::string& name : rule_names) by_rule.push_back({.rule = name});
  for_each_prediction(evaluation, [&](std::size_t i, double loss) {
    RuleLoss& of = by_rule[rule[i]];
    ++of.predictions;
    of.loss += loss;
    of.floor -= log_probability[i];
  });
  std::erase_if(by_rule, [](const RuleLoss& r) { return r.predictions == 0; });
  for (RuleLoss& r : by_rule) {
    r.loss /= static_cast<double>(r.predictions);
    r.floor /= static_cast<double>(r.predictions);
  }
  std::stable_sort(by_rule.begin(), by_rule.end(),
                   [](const RuleLoss& a, const RuleLoss& b) { return a.predictions > b.predictions; });
  return by_rule;
}

std::vector<ReferenceLoss> reference_losses(const Evaluation& evaluation, std::span<const double> log_probability,
                                            std::span<const Reference> references) {
  std::vector<ReferenceLoss> losses(references.size() + 1);
  losses[0].reference = "optimum";
  Index count = 0;
  for_each_prediction(evaluation, [&](std::size_t i, double loss) {
    ++count;
    const double log_p = log_probability[i], log_m = -loss;
    losses[0].loss -= log_p;
    losses[0].distance += log_p - log_m;
    // The text x is sampled from the true p, so the mean of q/p ln(q/m) estimates KL(q || m). q/p and m/p have mean 1,
    // so adding m/p - q/p keeps the mean; each term becomes nonnegative, and the variance drops (control variate).
    for (std::size_t r = 0; r < references.size(); ++r) {
      const double log_q = references[r].log_probability[i];
      losses[r + 1].loss -= log_q;
      losses[r + 1].distance += std::exp(log_q - log_p) * (log_q - log_m - 1) + std::exp(log_m - log_p);
    }
  });
  for (std::size_t r = 0; r < losses.size(); ++r) {
    const auto n = static_cast<double>(std::max<Index>(1, count));
    losses[r].loss /= n;
    losses[r].distance /= n;
    if (r == 0) continue;
    losses[r].reference = references[r - 1].name;
    if (!references[r - 1].comparable) losses[r].distance = std::numeric_limits<double>::quiet_NaN();
  }
  return losses;
}

double floor_of(std::span<const Window> windows, std::span<const double> log_probability) {
  double sum = 0;
  Index count = 0;
  for (const Window& w : windows) {
    for (Index i = w.first; i <= w.last; ++i) sum -= log_probability[static_cast<std::size_t>(i)];
    count += w.last - w.first + 1;
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

}  // namespace headlight
