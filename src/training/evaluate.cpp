// Evaluation in batches, losses by rule, and the estimator of the distance to reference predictors.
#include "headlight/training/evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"

namespace headlight {

namespace {

// Fixed, so that every evaluation of a masked model hides the same tokens of a text.
constexpr std::uint64_t kEvaluationSeed = 0xe7;

// Calls each(position in the text, loss) for every prediction.
template <class Each>
void for_each_prediction(const Evaluation& evaluation, Each each) {
  std::size_t next = 0;
  for (const Window& w : evaluation.windows)
    for (Index place = w.first; place <= w.last; ++place)
      each(static_cast<std::size_t>(place), static_cast<double>(evaluation.losses[next++]));
}

// Appends the losses of each row r of a batch to losses_of(r).
template <class LossesOf>
void append_losses(const Tensor& logits, const Batch& batch, const LossesOf& losses_of) {
  const Tensor log_p = log_softmax(logits);  // [B,T,V]
  const float* p = log_p.data<float>();
  const Index vocabulary = log_p.size(-1), context = log_p.size(1);
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    if (batch.targets[i] == kIgnoredTarget) continue;
    const auto at = static_cast<Index>(i);
    losses_of(at / context).push_back(-p[at * vocabulary + batch.targets[i]]);
  }
}

// The number of rows in which every target has the largest logit.
Index exact_rows(const Tensor& logits, const Batch& batch) {
  const float* const all = logits.data<float>();
  const Index context = logits.size(1), vocabulary = logits.size(2);
  Index exact = 0;
  for (Index row = 0; row < batch.rows; ++row) {
    bool right = true;
    for (Index i = row * context; i < (row + 1) * context && right; ++i) {
      const std::int32_t target = batch.targets[static_cast<std::size_t>(i)];
      const float* const of_row = all + i * vocabulary;
      right = target == kIgnoredTarget || std::max_element(of_row, of_row + vocabulary) == of_row + target;
    }
    exact += right;
  }
  return exact;
}

// Evaluates a model that carries a state, in lanes (training/lanes.h) of consecutive windows. Each lane starts from a
// zero state and has about eight windows or more, so that few predictions lack the preceding text.
Evaluation evaluate_in_lanes(const LanguageModel& model, const TokenIds& text, Index most, Index most_lanes) {
  const Index context = model.context(), predictions = static_cast<Index>(text.size()) - 1;
  const Index all = std::max<Index>(0, (predictions + context - 1) / context);
  const Index count = most > 0 ? std::min(most, all) : all;
  const Index lanes = std::clamp<Index>(count / 8, 1, most_lanes);
  // When only a part of the text is evaluated, all lanes have the same number of windows and do not overlap.
  const auto windows_in = [&](Index lane) {
    return count == all ? (lane + 1) * all / lanes - lane * all / lanes : count / lanes;
  };
  const auto window = [&](Index lane, Index k) {
    const Index start = (lane * all / lanes + k) * context;
    return Window{start, start + 1, std::min(start + context, predictions)};
  };
  Evaluation result;
  std::vector<std::vector<float>> losses(static_cast<std::size_t>(lanes));
  std::vector<Tensor> state = model.initial_state(lanes);
  const Index longest = (count + lanes - 1) / lanes;
  Batch batch;
  for (Index k = 0; k < longest; ++k) {
    std::vector<Window> windows;
    // A lane that has ended gets a window without targets.
    for (Index lane = 0; lane < lanes; ++lane)
      windows.push_back(k < windows_in(lane) ? window(lane, k) : Window{0, 1, 0});
    fill_windows({text, {}}, windows, context, batch);
    append_losses(model.carry(batch.inputs, lanes, state), batch,
                  [&](Index lane) -> std::vector<float>& { return losses[static_cast<std::size_t>(lane)]; });
  }
  for (Index lane = 0; lane < lanes; ++lane) {
    for (Index k = 0; k < windows_in(lane); ++k) result.windows.push_back(window(lane, k));
    const std::vector<float>& of = losses[static_cast<std::size_t>(lane)];
    result.losses.insert(result.losses.end(), of.begin(), of.end());
  }
  return result;
}

}  // namespace

Evaluation evaluate(const LanguageModel& model, const TokenText& text, Index most) {
  if (most < 0) fail("evaluate: ", most, " windows; use a positive number, or 0 for all windows");
  const NoGrad no_recording;
  // Padding would be visible to a model that reads in both directions.
  const bool masked = model.objective() == Objective::kMasked;
  const Index context = masked ? std::min(model.context(), static_cast<Index>(text.ids.size())) : model.context();
  constexpr Index kBatchTokens = 4096;  // per batch: keeps all cores busy with little memory
  const Index rows = std::max<Index>(1, kBatchTokens / context);
  Evaluation result;
  if (!model.initial_state(1).empty()) {
    result = evaluate_in_lanes(model, text.ids, most, rows);
  } else {
    result.windows = model.objective() == Objective::kPairs
                         ? document_windows(text, context, most)
                         : evaluation_windows(text, context, most, masked ? Padding::kNone : Padding::kAllowed);
    const std::span<const Window> all = result.windows;
    Batch batch;
    Rng rng(kEvaluationSeed);
    for (std::size_t first = 0; first < all.size(); first += static_cast<std::size_t>(rows)) {
      const std::size_t count = std::min(static_cast<std::size_t>(rows), all.size() - first);
      fill_windows(text, all.subspan(first, count), context, batch);
      model.prepare(batch.inputs, batch.targets, batch.rows, rng);
      const Tensor logits = model(batch.inputs, batch.rows);
      append_losses(logits, batch, [&](Index) -> std::vector<float>& { return result.losses; });
      result.exact += exact_rows(logits, batch);
    }
  }
  double sum = 0;
  for (const float loss : result.losses) sum += static_cast<double>(loss);
  result.predictions = static_cast<Index>(result.losses.size());
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
    // p: the true distribution, q: the reference, m: the model. The text is sampled from p, so the mean of q/p ln(q/m)
    // estimates KL(q || m). The control variate m/p - q/p has mean 0; adding it makes each term nonnegative and lowers
    // the variance.
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
