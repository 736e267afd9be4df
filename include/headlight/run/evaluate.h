// The loss of a model on a text.
#pragma once

#include <span>
#include <vector>

#include "headlight/data/windows.h"
#include "headlight/nn/transformer.h"

namespace headlight {

struct Evaluation {
  double loss = 0;  // mean over the predicted tokens, nats
  Index predictions = 0;
  std::vector<Window> windows;  // what was predicted
};

// The mean loss over the text's evaluation windows (data/windows.h); over at most `most` of them, evenly spread, when
// `most` is positive. Nothing is recorded, nothing dropped, and the result does not depend on the thread count.
Evaluation evaluate(const CharTransformer& model, const TokenText& text, Index most = 0);

// The mean of -log_probability over the tokens that those windows predict: the lowest loss possible on them.
double floor_of(std::span<const Window> windows, std::span<const double> log_probability);

}  // namespace headlight
