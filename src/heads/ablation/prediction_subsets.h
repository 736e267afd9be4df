// Prediction subsets, such as the predictions that one rule decides, and loss increases on them with bootstrap
// intervals. Files and the report's data call a prediction subset "slots".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "heads/roles/head_windows.h"
#include "heads/roles/role_masks.h"

namespace headlight {

// A named prediction subset.
struct PredictionSubset {
  std::string name;
  std::vector<Index> places;  // indices into HeadWindows::targets(), ascending
};

// All predictions, under the name "all".
PredictionSubset all_predictions(const HeadWindows& windows);
// For a text with known truth: one subset per rule that generated at least one predicted character, in the rules'
// order.
std::vector<PredictionSubset> rule_subsets(const HeadWindows& windows, std::span<const std::uint8_t> rule_of_target,
                                           std::span<const std::string> rule_names);
// For any text: subsets by the target character. The first four partition all predictions:
//   word start, in word (from the second character on), space (white space), other
// The others overlap with them:
//   repeats   the target is the character that followed the most recent earlier copy of the last two characters
//   same word the target is the character that followed the most recent earlier copy of the word so far (at least 3
//             characters)
//   closer    the target is a closing bracket or quote whose opener is at least 3 positions back
std::vector<PredictionSubset> text_subsets(const HeadWindows& windows, const TokenClasses& classes);
// The predictions that a head can make by copying a character from the role's keys: the role "decides" them. If
// evidence_of_target is empty, these are the queries where every key holds the target character; otherwise, the queries
// whose keys include the evidence.
PredictionSubset role_subset(const HeadWindows& windows, const RoleMasks& masks, std::size_t role, std::string name,
                             std::span<const std::int32_t> evidence_of_target);

// The loss increase on a prediction subset, in nats: the increase of the mean loss, with its 95% interval.
struct LossIncrease {
  double mean = 0, low = 0, high = 0;
  Index predictions = 0;
};

// Bootstrap over windows (Efron 1979), because predictions within one window are not independent. All measurements on
// the same windows use the same resamples.
class Bootstrap {
 public:
  Bootstrap(Index windows, std::uint64_t seed, int resamples = 1000);
  // [resample][window]: how often the window was drawn.
  std::span<const std::vector<Index>> resamples() const { return resamples_; }
  // The mean of after - before on the subset.
  LossIncrease loss_increase(std::span<const float> before, std::span<const float> after,
                             const PredictionSubset& subset, Index context) const;

 private:
  Index windows_;
  std::vector<std::vector<Index>> resamples_;
};

}  // namespace headlight
