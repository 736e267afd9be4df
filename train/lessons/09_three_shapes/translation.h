// Translation of digits to English words: an encoder-decoder and the alignment of its cross-attention.
#pragma once

#include "lessons/lesson.h"

namespace headlight::lessons {

// Adds the accuracy, the alignment scores and the maps to the result. Returns the share in % of the letters after a
// word's first that attend most to the digit of their word.
double translate_numbers(const LessonOptions& options, const LessonProgress& progress, LessonResult& result);

}  // namespace headlight::lessons
