// Filling a gap in a text: a bidirectional encoder against a causal model.
#pragma once

#include "headlight/models/sequence_models.h"
#include "lessons/lesson.h"
#include "lessons/training.h"

namespace headlight::lessons {

// The shared sizes: T symbols in a window, and the gap in its middle.
inline constexpr Index kTalesContext = 64, kGap = kTalesContext / 2;
inline constexpr Index kTalesBatch = 16;

struct TalesModels {
  LessonText text;
  TransformerLM causal;
  EncoderLM encoder;
};
TalesModels untrained_tales_models(std::uint64_t seed);

// Trains both on the same windows, and adds the accuracy of gaps to the result.
struct GapAccuracy {
  double encoder, next_symbol, continuation;  // in %
};
GapAccuracy fill_gaps(TalesModels& models, const LessonOptions& options, const LessonProgress& progress,
                      LessonResult& result);

}  // namespace headlight::lessons
