// Lesson 9: encoder, decoder and encoder-decoder; then a model made smaller.
#include "lessons/lesson.h"

#include "base/format.h"
#include "headlight/base/text.h"
#include "lessons/09_three_shapes/fill_in.h"
#include "lessons/09_three_shapes/smaller.h"
#include "lessons/09_three_shapes/translation.h"

namespace headlight::lessons {

namespace {

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  TalesModels models = untrained_tales_models(options.seed);
  const GapAccuracy gaps = fill_gaps(models, options, progress, result);
  translate_numbers(options, progress, result);
  make_smaller(models, options, progress, result);
  result.answer = gaps.continuation > gaps.encoder + 2 ? 2 : gaps.continuation > gaps.encoder - 2 ? 1 : 0;
  result.finding =
      cat("Gaps filled right: encoder ", fixed_text(gaps.encoder, 1),
          "%, causal model by its next-symbol distribution ", fixed_text(gaps.next_symbol, 1),
          "%, by scoring every candidate with the symbols after it ", fixed_text(gaps.continuation, 1), "%.");
  return result;
}

}  // namespace

Lesson three_shapes() {
  return {
      .number = 9,
      .folder = "09_three_shapes",
      .title = "Three shapes of transformer",
      .claim = "encoders fill gaps, decoders continue, encoder-decoders translate",
      .seconds = 30,
      .minutes_to_read = 15,
      .exercise = "cross-attention with a padding mask",
      .exercise_minutes = 35,
      .difficulty = 3,
      .needs = "lesson 3",
      .question =
          "One symbol of a text is hidden. An encoder sees both sides of the gap. A causal model of equal size, "
          "trained on "
          "equal text, may try every symbol in the gap and score the whole text with it. Which fills more gaps right?",
      .choices = {"the encoder: it was trained to see both sides", "both about equally (within 2 points)",
                  "the causal model"},
      .files = {"include/headlight/models/sequence_models.h", "src/models/encoder.cpp",
                "src/models/encoder_decoder.cpp", "src/models/quantize.h", "src/ops/distillation.cpp",
                "train/lessons/09_three_shapes/lesson.cpp"},
      .run = run};
}

}  // namespace headlight::lessons
