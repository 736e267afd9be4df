// Slots: the predictions on which a rule decides, and what happens to the loss there. With their intervals.
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

// A named set of predictions.
struct Slots {
  std::string name;
  std::vector<Index> places;  // indices into HeadWindows::targets(), ascending
};

// All predictions, under the name "all".
Slots all_slots(const HeadWindows& windows);
// Where the truth is known: one set for each rule that wrote something that is predicted, in the rules' order.
std::vector<Slots> rule_slots(const HeadWindows& windows, std::span<const std::uint8_t> rule_of_target,
                              std::span<const std::string> rule_names);
// On any text, by what comes next. The first four share out all predictions:
//   word start, in word (from the second character on), space (white space), other
// and these lie across them:
//   repeats   the next character is what followed the last two characters the last time
//   same word the next character goes on as an earlier copy of the word so far did (3 characters or more)
//   closer    a closing bracket or quote whose opener stands 3 or more places back
std::vector<Slots> text_slots(const HeadWindows& windows, const TokenClasses& classes);
// Those of a role: queries where each of its keys holds the very character that comes next (with evidence, where
// one of them is the evidence). What a head that copies from there decides.
Slots role_slots(const HeadWindows& windows, const RoleMasks& masks, std::size_t role, std::string name,
                 std::span<const std::int32_t> evidence_of_target);

// A rise of the mean loss on some slots, in nats, with its 95% interval.
struct Rise {
  double mean = 0, low = 0, high = 0;
  Index predictions = 0;
};

// Intervals by bootstrap over windows (Efron 1979): the predictions within one are not independent. The same resamples
// serve for all that is measured on the same windows.
class Bootstrap {
 public:
  Bootstrap(Index windows, std::uint64_t seed, int resamples = 1000);
  // How often each window was drawn, in each resample.
  std::span<const std::vector<Index>> resamples() const { return resamples_; }
  // after - before on the slots.
  Rise rise(std::span<const float> before, std::span<const float> after, const Slots& slots, Index context) const;

 private:
  Index windows_;
  std::vector<std::vector<Index>> resamples_;  // how often each window was drawn
};

}  // namespace headlight
