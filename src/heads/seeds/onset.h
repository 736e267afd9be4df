// When roles appear and losses fall in the training of one run, and which came first over several seeds. From snapshots
// (head_history.h), so steps are as fine as these.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "formats/json.h"
#include "heads/watch/head_history.h"

namespace headlight {

inline constexpr double kOnsetKappa = 0.4;      // what a label asks for (head_labels.h)
inline constexpr double kNearFloor = 0.05;      // nats
inline constexpr double kOnsetLeastFall = 0.1;  // slots whose loss falls by less have no onset

// Steps are those of the first snapshot with it; -1: none had.
struct Onset {
  std::string event;  // "previous in layer 0", "loss on repeat"
  Index layer = -1;   // of a role; -1: the loss on a prediction subset
  bool is_role() const { return layer >= 0; }
  Index half = -1;  // kappa of half of what it ends with; loss half-way from the first snapshot's to the lowest
                    // possible (to the last snapshot's where that is not known)
  Index reached =
      -1;           // kappa of kOnsetKappa; loss within kNearFloor of the lowest possible (-1 where that is not known)
  double last = 0;  // kappa, loss: at the last snapshot
};

// For each role, and each layer in which some head ends with kappa kOnsetKappa: of the highest kappa of the layer's heads.
// For each of the slots whose loss falls: of the loss. None without snapshots.
std::vector<Onset> onsets(const HeadHistory& history);

Json to_json(std::span<const Onset> onsets);
// Error: not such a list.
std::vector<Onset> onsets_of(const JsonView& array);

// Over seeds.
struct OnsetSummary {
  std::string event;
  Index seeds = 0;  // that have it
  // Median and range of the steps; -1 where no seed has one. The median of an even number is the lower of the two in the
  // middle: a step that was seen.
  struct Steps {
    Index seeds = 0, median = -1, first = -1, last = -1;
  } half, reached;
};
// In the order in which they come: by the median of `reached`, or of `half` where nothing is reached; what never came
// stands last.
std::vector<OnsetSummary> summarise_onsets(std::span<const std::vector<Onset>> seeds);

// Which of two roles comes first, in the seeds that have both.
struct OnsetOrder {
  std::string a, b;
  Index layer_a = 0, layer_b = 0;
  bool by_half = false;  // by `half` instead of `reached`
  Index a_first = 0, b_first = 0, same = 0;
  double p = 1;                   // of the sign test; seeds with both at the same snapshot do not count
  std::string criterion() const;  // "kappa 0.4" or "half of the final kappa"
};
// All pairs of events of roles that at least half of the seeds have. The one that is first more often is a.
std::vector<OnsetOrder> onset_order(std::span<const std::vector<Onset>> seeds);

}  // namespace headlight
