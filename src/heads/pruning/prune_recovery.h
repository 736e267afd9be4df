// Pruning with a short training afterwards: what is left may learn to do what the removed heads did.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "heads/pruning/pruning.h"
#include "training/run_data.h"

namespace headlight {

// The configuration of a pruned run: the model's, and a training of `steps` with fresh moments and a third of the learning
// rate.
RunConfig recovery_config(RunConfig config, const TransformerConfig& pruned, Index steps);

// Of 0 .. heads removed, at most `most` counts, both ends among them, evenly spread.
std::vector<std::size_t> thinned_counts(std::size_t heads, std::size_t most = 8);

// Adds to a study of whole curves the order "greedy, then N steps of training": the greedy order, after whose first
// thinned_counts() heads the pruned model is trained on. With none removed it is trained just as long: the control. What is
// measured are steps, of all trainings together; stopped, the study is left as it was.
// `config` is the run's. The same training whatever else was drawn before; and what is drawn afterwards is as without it.
void add_recovery(PruneStudy& study, const CharTransformer& model, const RunConfig& config, const RunData& data,
                  const HeadWindows& windows, Index steps, Measuring measuring = {});

}  // namespace headlight
