// Pruning curves in all orders, and their JSON.
#include <algorithm>
#include <cmath>

#include "heads/ablation/block_runs.h"
#include "heads/ablation/head_gates.h"
#include "heads/pruning/pruning.h"
#include "heads/study/number_json.h"

namespace headlight {

PruneStudy study_pruning(const HeadedModel& model, const HeadWindows& windows, int random_orders, std::uint64_t seed,
                         bool whole, Progress progress) {
  constexpr double kNoLimit = std::numeric_limits<double>::infinity();
  const HeadWindows choose = windows.half(0), report = windows.half(1);
  const HeadMeans means(model, choose);
  const double most = whole ? kNoLimit : mean_loss(token_losses(model, report)) + kPrunableLoss;
  // The order is chosen on the first half. The wider limit there makes the order long enough for the curve on the
  // second half to reach its limit.
  const double far_enough = whole ? kNoLimit : mean_loss(token_losses(model, choose)) + 10 * kPrunableLoss;

  PruneStudy study;
  study.heads = all_heads(model).size();
  progress.begin("pruning orders", (whole ? 4 : 1) + random_orders);
  const AfterEvaluation ask = [&] { progress.ask(); };
  const auto add = [&](const char* name, std::vector<HeadId> order,
                       std::vector<std::vector<float>>* predictions = nullptr) {
    std::vector<double> losses = prune_curve(model, report, means, order, most, predictions, ask);
    study.orders.push_back({name, std::move(order), std::move(losses)});
    progress.next();
  };
  add("greedy", greedy_order(model, choose, means, far_enough, ask), &study.greedy_losses);
  study.prunable = prunable_fraction(study.orders[0].losses, study.heads);
  if (whole) {
    std::vector<double> alone;
    const BlockRuns runs(model, choose);
    for (const HeadId id : all_heads(model)) {
      const AblateHeads hook(means, {id}, pruning_replacement(model));
      alone.push_back(mean_loss(runs.losses(id.layer)));
      progress.ask();
    }
    std::vector<HeadId> worst = order_by(alone, model);
    std::reverse(worst.begin(), worst.end());
    add("by single ablation", order_by(alone, model));
    add("by gate gradient", order_by(gate_importance(model, choose), model));
    add("worst first", std::move(worst));
  }
  for (int i = 0; i < random_orders; ++i) {
    study.random.push_back(prune_curve(model, report, means, random_order(model, seed + static_cast<std::uint64_t>(i)),
                                       most, nullptr, ask));
    study.prunable_random.push_back(prunable_fraction(study.random.back(), study.heads));
    progress.next();
  }
  return study;
}

PruneStudy prune_study(const JsonView& json) {
  const auto losses = [](const JsonView& array) {
    std::vector<double> values;
    for (const JsonView& v : array.elements())
      values.push_back(v.json().is_null() ? std::numeric_limits<double>::quiet_NaN() : v.as_double());
    return values;
  };
  PruneStudy study;
  study.heads = static_cast<std::size_t>(json.at("heads").as_index(0));
  for (const JsonView& order : json.at("orders").elements()) {
    PruneOrder& read = study.orders.emplace_back();
    read.name = order.at("name").as_string();
    for (const JsonView& head : order.at("removed").elements()) read.removed.push_back(head_id(head.as_string()));
    read.losses = losses(order.at("losses"));
  }
  for (const JsonView& order : json.at("random").elements()) study.random.push_back(losses(order));
  return study;
}

Json to_json(const PruneStudy& study) {
  Json orders = Json::array(), random = Json::array();
  for (const PruneOrder& order : study.orders) {
    Json removed = Json::array();
    for (const HeadId id : order.removed) removed.push(head_name(id));
    orders.push(
        Json::object().set("name", order.name).set("losses", numbers_json(order.losses)).set("removed", removed));
  }
  for (const std::vector<double>& losses : study.random) random.push(numbers_json(losses));
  return Json::object().set("heads", study.heads).set("orders", orders).set("random", random);
}

}  // namespace headlight
