// Recovery training: a short training of a pruned model, in which the remaining heads may replace the removed heads.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "heads/pruning/pruning.h"
#include "training/run_data.h"

namespace headlight {

// The configuration of a recovery run: the shape of `pruned`, `steps` steps, new optimizer moments, and a third of the
// learning rate.
RunConfig recovery_config(RunConfig config, const TransformerConfig& pruned, Index steps);

// Numbers of heads to remove: at most `most` values, evenly spread over 0 .. heads, including both ends.
std::vector<std::size_t> thinned_counts(std::size_t heads, std::size_t most = 8);

// Adds the order "greedy, then N steps of training" to a study with complete curves. For each of thinned_counts(),
// removes so many heads in greedy order and trains the pruned model. The count 0 is the baseline: equal training, no
// removal. Progress counts the steps of all trainings. An interruption leaves the study unchanged. `config` is the
// run's configuration. The training does not depend on generator() and leaves it unchanged.
void add_recovery(PruneStudy& study, const TransformerLM& model, const RunConfig& config, const RunData& data,
                  const HeadWindows& windows, Index steps, Progress progress = {});

}  // namespace headlight
