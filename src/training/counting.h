// The n-gram baseline of a run's text, which a trained model should beat.
#pragma once

#include <vector>

#include "training/run_data.h"

namespace headlight {

// The validation losses, in nats per token, of n-gram models (data/ngram.h) of orders 1 to `order`. The models count at
// most the first 2,000,000 training tokens, or fewer if the counts would take too much memory. They are evaluated on at
// most the first 500,000 validation tokens. The result is empty if either part has fewer than two tokens.
std::vector<double> ngram_losses(const RunData& data, int order);

// How hard the text is to predict: the ratio of its loss to that of tiny Shakespeare, under 6-gram counts with a cache
// (NgramModel::loss_with_cache). The counts are of the last 4,000,000 training tokens, or of the first part of these with
// about 8,000,000 n-grams (320 MB). 20,000 of the first 2,000,000 validation tokens are measured. A text of fewer than
// 1,000,000 tokens is compared with a part of tiny Shakespeare of the same length. A longer text has more counts than
// tiny Shakespeare and therefore a lower ratio, as models also reach a lower loss on it. Returns 1 if either part has
// fewer than two tokens.
double relative_loss(const RunData& data);

}  // namespace headlight
