// N-gram losses of a run's text: a baseline that a trained model should beat, and a measure of difficulty for the plan.
#pragma once

#include <vector>

#include "training/run_data.h"

namespace headlight {

// The validation losses, in nats per token, of n-gram models (data/ngram.h) of orders 1 to `order`. The models count at
// most the first 2,000,000 training tokens, or fewer if the counts would take too much memory. They are evaluated on at
// most the first 500,000 validation tokens. The result is empty if either part has fewer than two tokens.
std::vector<double> ngram_losses(const RunData& data, int order);

// How hard the text is to predict: its loss divided by that of tiny Shakespeare, both under 6-gram counts with a cache
// (NgramModel::loss_with_cache). Counting starts 4,000,000 tokens before the end of the training part and stops at
// about 8,000,000 n-grams (320 MB). The loss is measured on up to 20,000 evenly spaced tokens of the first 2,000,000
// validation tokens. A training part of 10,000 to 1,000,000 tokens is compared with a part of tiny Shakespeare of the
// same length, a shorter one with a part of 10,000 tokens, and a longer one with the whole text. More training tokens
// lower the ratio, because the counts improve, but they also lower the loss of a model. Returns 1 if either part has
// fewer than two tokens.
double relative_loss(const RunData& data);

}  // namespace headlight
