// How far counting gets on a run's text: what a model is to be better than.
#pragma once

#include <vector>

#include "training/run_data.h"

namespace headlight {

// The validation losses of n-gram models (data/ngram.h) of orders 1 to `order`, counted on the first two million tokens
// of the training part and measured on the first half million of the validation part; less where more would take too much
// memory. Empty where one of the parts is shorter than two tokens.
std::vector<double> counting_losses(const RunData& data, int order);

}  // namespace headlight
