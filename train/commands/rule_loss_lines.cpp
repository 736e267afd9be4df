// The lines after a validation on a text with a known distribution: loss by rule, distance from reference predictors.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/format.h"
#include "cli/cli.h"
#include "headlight/base/text.h"
#include "headlight/training/evaluate.h"
#include "training/run_log.h"

namespace headlight::cli {

namespace {

// With more than kMaxRules rules, show only the kSomeRules rules with the largest total excess loss. The order is
// always that of the record, so that the lines of two validations can be compared.
constexpr std::size_t kMaxRules = 8, kSomeRules = 5;

// A NaN loss counts as the largest, because NaN has no order.
double total_excess(const RuleLoss& r) {
  const double excess = static_cast<double>(r.predictions) * (r.loss - r.floor);
  return std::isnan(excess) ? std::numeric_limits<double>::infinity() : excess;
}

// Joins entries into lines of at most 80 columns; no entry is split.
std::string in_lines(const std::string& left, const std::vector<std::string>& entries) {
  constexpr std::size_t kWidth = 80;
  std::string lines, line = left;
  for (const std::string& entry : entries) {
    if (line.size() + 2 + entry.size() > kWidth) {
      lines += line + "\n";
      line = std::string(left.size(), ' ');
    }
    line += (line.size() > left.size() ? "  " : "") + entry;
  }
  return lines + line + "\n";
}

}  // namespace

std::string rule_loss_lines(const StepRecord& record) {
  std::vector<RuleLoss> rules = record.rules;
  if (rules.empty()) return "";
  if (rules.size() > kMaxRules) {
    std::vector<std::size_t> order(rules.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return total_excess(rules[a]) > total_excess(rules[b]); });
    order.resize(kSomeRules);
    std::sort(order.begin(), order.end());
    std::vector<RuleLoss> some;
    for (const std::size_t i : order) some.push_back(rules[i]);
    rules = some;
  }
  std::vector<std::string> losses, distances;
  for (const RuleLoss& r : rules)
    losses.push_back(cat(r.rule, " ", fixed_text(r.loss, 2), r.floor > 0.005 ? cat("/", fixed_text(r.floor, 2)) : ""));
  for (const ReferenceLoss& r : record.references)
    if (!std::isnan(r.distance)) distances.push_back(cat(r.reference, " ", fixed_text(r.distance, 3)));
  // Omit a single distance: it is the distance from the optimum, which equals the validation loss minus the floor.
  return in_lines("rules     ", losses) + (distances.size() > 1 ? in_lines("distance  ", distances) : "");
}

}  // namespace headlight::cli
