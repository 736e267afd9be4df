// Onset steps: when roles appear and losses fall during training, and which of two comes first over several seeds.
// Steps are those of snapshots (head_history.h), so their resolution is the distance between snapshots.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "formats/json.h"
#include "heads/watch/head_history.h"

namespace headlight {

inline constexpr double kOnsetKappa = 0.4;      // the threshold of a label (head_labels.h)
inline constexpr double kNearFloor = 0.05;      // nats
inline constexpr double kOnsetLeastFall = 0.1;  // nats: subsets whose loss falls by less have no onset

// Each step is that of the first snapshot that meets the criterion; -1 if no snapshot does.
struct Onset {
  std::string event;  // "previous in layer 0", "loss on repeat"
  Index layer = -1;   // of a role; -1: the loss on a prediction subset
  bool is_role() const { return layer >= 0; }
  // Role: kappa is at least half of its final value. Loss: below the midpoint between the first snapshot's loss and the
  // floor (the last snapshot's loss if the floor is unknown).
  Index half = -1;
  // Role: kappa is at least kOnsetKappa. Loss: less than kNearFloor above the floor; -1 if the floor is unknown.
  Index reached = -1;
  double last = 0;  // kappa or loss at the last snapshot
};

// The onsets of one run. For each role and each layer in which a head ends with kappa >= kOnsetKappa: the onset of the
// highest kappa in the layer. For each prediction subset whose loss falls: the onset of the loss. Empty without
// snapshots.
std::vector<Onset> onsets(const HeadHistory& history);

Json to_json(std::span<const Onset> onsets);
// Reads the onsets back. Error: an array of another form.
std::vector<Onset> onsets_of(const JsonView& array);

// The onset of one event over seeds.
struct OnsetSummary {
  std::string event;
  Index seeds = 0;  // number of seeds with the event
  // Median and range of the steps; -1 if no seed has a step. The median of an even number of steps is the lower of the
  // two middle ones, so that it is the step of a snapshot.
  struct Steps {
    Index seeds = 0, median = -1, first = -1, last = -1;
  } half, reached;
};
// The onsets of all events over seeds, sorted by the median of `reached`, or of `half` if no seed has `reached`. Events
// without either come last.
std::vector<OnsetSummary> summarize_onsets(std::span<const std::vector<Onset>> seeds);

// The order of two role events in the seeds that have both.
struct OnsetOrder {
  std::string a, b;
  Index layer_a = 0, layer_b = 0;
  bool by_half = false;  // compared by `half` instead of `reached`
  Index a_first = 0, b_first = 0, same = 0;
  double p = 1;                   // of the sign test; seeds with both events at the same snapshot do not count
  std::string criterion() const;  // "kappa 0.4" or "half of the final kappa"
};
// All pairs of role events that at least half of the seeds have. Event a is first more often than event b.
std::vector<OnsetOrder> onset_order(std::span<const std::vector<Onset>> seeds);

}  // namespace headlight
