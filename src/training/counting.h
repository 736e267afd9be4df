// The n-gram baseline of a run's text, which a trained model should beat.
#pragma once

#include <vector>

#include "training/run_data.h"

namespace headlight {

// The validation losses, in nats per token, of n-gram models (data/ngram.h) of orders 1 to `order`. The models count at
// most the first 2,000,000 training tokens, or fewer if the counts would take too much memory. They are evaluated on at
// most the first 500,000 validation tokens. The result is empty if either part has fewer than two tokens.
std::vector<double> ngram_losses(const RunData& data, int order);

}  // namespace headlight
