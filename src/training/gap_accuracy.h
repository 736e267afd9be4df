// Measures how often a model restores a single hidden token of a text, for models of any reading direction.
#pragma once

#include "headlight/data/windows.h"
#include "headlight/models/language_model.h"

namespace headlight {

struct GapAccuracy {
  Index gaps = 0;
  double filled = 0;        // share restored: by the gap's distribution (kMasked), or by the next-token distribution
  double by_sequence = -1;  // kNextToken: share restored by the most probable whole window; -1: not measured
};

// Hides one token in each of `gaps` whole windows of the text, evenly spaced, at a random place other than the first.
// The windows and places depend only on the text, the context and `gaps`. A masked model predicts the gap from both
// sides. A causal model predicts the gap from its left context. `by_sequence` tries all V tokens in the gap and takes
// the token that makes the whole window most probable, so the tokens right of the gap count too.
// Errors: a model of another objective, no window in the text.
GapAccuracy gap_accuracy(const LanguageModel& model, const TokenText& text, Index gaps);

}  // namespace headlight
