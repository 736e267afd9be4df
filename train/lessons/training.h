// The training loop that the lessons share: AdamW, warmup and cosine decay, on windows of a text.
#pragma once

#include <string>

#include "headlight/corpora/traced_text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"
#include "headlight/models/language_model.h"
#include "lessons/lesson.h"

namespace headlight::lessons {

// A built-in corpus, cut into a training and a validation part.
struct LessonText {
  TracedText text;
  Vocabulary vocabulary;
  TokenSplit split;
};
// Generates `chars` characters of the corpus `name`. The last tenth is for validation, in windows of `context`.
LessonText lesson_text(const std::string& name, Index chars, Index context, std::uint64_t seed);

struct TrainingOptions {
  Index steps = 500;
  Index batch = 16;
  double learning_rate = 2e-3;  // peak; warmup for a twentieth of the steps, then cosine decay to a tenth of the peak
  double clip = 1;              // maximum gradient norm
  std::uint64_t seed = 1;       // of the windows
};
// Trains the model on random windows as long as its context. Reports each step to `progress` as stage `what`.
void train(LanguageModel& model, const TokenText& text, const TrainingOptions& options, const std::string& what,
           const LessonProgress& progress);

}  // namespace headlight::lessons
